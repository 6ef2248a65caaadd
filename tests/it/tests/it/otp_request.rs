//! `otp-request`.
