//! auth-svc against a real database and Redis. Needs the test stack.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bootstrap;
mod ensure_profile;
mod gate;
mod hostile_input;
mod limits;
mod openapi;
mod operators;
mod refresh;
mod repair;
mod rig;
mod sessions;
mod signing_key;
