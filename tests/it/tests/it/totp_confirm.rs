//! `totp-confirm`.
