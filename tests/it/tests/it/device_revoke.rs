//! `device-revoke`.
