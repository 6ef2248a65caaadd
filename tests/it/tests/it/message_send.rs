//! `message-send`.
