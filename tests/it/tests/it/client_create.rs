//! `client-create`.
