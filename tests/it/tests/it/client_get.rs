//! `client-get`.
