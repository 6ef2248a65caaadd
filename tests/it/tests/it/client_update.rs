//! `client-update`.
