//! `user-list`.
