//! `totp-enrol`.
