//! `jwks-get`.
