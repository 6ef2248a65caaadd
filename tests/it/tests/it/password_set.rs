//! `password-set`.
