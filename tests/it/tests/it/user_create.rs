//! `user-create`.
