//! `token-issue`: somebody logs in, or stays logged in.
