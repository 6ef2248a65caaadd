//! `user-get`.
