//! Test rig: a database per test from a template, a vhost per test, tokens, people, services run in process, a
//! broker of a test's own, a TCP relay that injects faults, and the whole system as real processes.
//!
//! Everything is real: the rig needs the test stack (`STACK=test deploy/local/stack deps`), whose addresses it reads
//! from the environment. Test code may panic; every failure says what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test rig fails its test by panicking")]

mod broker;
mod database;
mod environment;
pub mod journey;
pub mod operators;
mod people;
mod ports;
mod process;
pub mod relay;
mod running;
pub mod system;
mod tokens;
mod vhost;

pub use broker::Broker;
pub use database::Database;
pub use environment::{empty_redis, redis_url, required};
pub use people::{Person, person};
pub use ports::free_ports;
pub use process::{Process, signal};
pub use running::{Running, config};
pub use tokens::{JWT_SECRET, issue_token, issue_token_with};
pub use vhost::Vhost;
