//! `user-update`.
