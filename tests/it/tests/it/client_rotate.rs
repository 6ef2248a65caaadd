//! `client-rotate`.
