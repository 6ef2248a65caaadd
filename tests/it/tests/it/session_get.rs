//! `session-get`.
