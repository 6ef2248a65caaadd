//! `device-list`.
