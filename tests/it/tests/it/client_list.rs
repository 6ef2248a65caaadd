//! `client-list`.
