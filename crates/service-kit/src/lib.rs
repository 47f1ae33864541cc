//! What any process of Groundwork needs to run. No business word in it.
//!
//! A service implements [`Service`] and calls [`command::main`]; the kit gives it configuration, listeners, pools,
//! Redis, token verification, idempotency, rate limits, telemetry, migrations and the sub-commands that all have.

pub mod audit;
pub mod auth;
pub mod cache;
pub mod command;
pub mod config;
pub mod db;
pub mod erasure;
pub mod es256;
pub mod http;
pub mod idempotency;
pub mod kill_point;
pub mod kit;
pub mod lifecycle;
pub mod metrics;
pub mod migrate;
pub mod outage;
pub mod rate_limit;
pub mod readiness;
pub mod service;
pub mod telemetry;
pub mod vault;

/// The allocator of every binary. The system's keeps what a burst took for each thread: twenty times the 19 MiB of a password's hash.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use kit::{Kit, ServiceIdentity, http_client};
pub use lifecycle::Lifecycle;
pub use service::Service;
