//! SQL and nothing else.

pub mod gate;
pub mod profile;
pub mod repair;
pub mod session;
pub mod signing_key;
pub mod user;
