//! auth-svc against a real database and Redis. Needs the test stack.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod account;
mod admin;
mod audit;
mod bootstrap;
mod breached_passwords;
mod browser_sessions;
mod confirmation;
mod ensure_profile;
mod factors;
mod gate;
mod hostile_input;
mod limits;
mod mail_webhooks;
mod openapi;
mod operators;
mod proofs;
mod refresh;
mod repair;
mod rig;
mod sessions;
mod signing_key;
mod supabase;
mod update_user;
mod workspaces;
