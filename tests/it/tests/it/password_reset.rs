//! `password-reset`.
