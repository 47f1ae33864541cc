//! Test rig: a database per test from a template, a vhost per test, tokens, people, services run in process, and a TCP
//! relay that injects faults.
//!
//! Everything is real: the rig needs the test stack (`STACK=test deploy/local/stack deps`), whose addresses it reads
//! from the environment. Test code may panic; every failure says what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test rig fails its test by panicking")]

mod database;
mod environment;
mod people;
pub mod relay;
mod running;
mod tokens;
mod vhost;

pub use database::Database;
pub use environment::{redis_url, required};
pub use people::{Person, person};
pub use running::{Running, config};
pub use tokens::{JWT_SECRET, issue_token};
pub use vhost::Vhost;
