//! `key-rotate`.
