//! SQL and nothing else.

pub mod account_deletion;
pub mod account_export;
pub mod audit;
pub mod factor;
pub mod gate;
pub mod invitation;
pub mod member;
pub mod one_time_token;
pub mod profile;
pub mod repair;
pub mod service_key;
pub mod session;
pub mod sign_in_flow;
pub mod signing_key;
pub mod user;
pub mod workspace;
