//! `session-delete`.
