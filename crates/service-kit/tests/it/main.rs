//! The kit against real PostgreSQL and Redis.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod configuration;
mod database;
mod idempotency;
mod limits;
mod operators;
mod probe;
mod server;
mod signing_keys;
mod tokens;
