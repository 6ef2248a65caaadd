//! `session-create`.
