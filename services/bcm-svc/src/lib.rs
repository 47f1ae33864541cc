//! The Business Context Manifest: made from finalized answers, kept in versions, read from three tiers.
//!
//! ```text
//! consumers ──► manifest::generate  a finalized context becomes a version, its head and its event ──► store
//! jobs ──► rebuild::run ──► manifest::generate
//! http ──► tiers     memory ──► Redis ──► PostgreSQL, each byte verified against its checksum
//!      └─► rebuild, revise, manifest::history ──► store
//! ```
//!
//! Whoever may read is decided before any tier is asked, and every key carries its workspace. A version never changes,
//! so only the small head pointer can be stale: for five seconds at most.

mod access_log;
mod app;
mod command;
mod config;
mod consumers;
mod export;
mod http;
mod jobs;
mod manifest;
mod metrics;
mod rebuild;
mod revise;
mod signing;
mod store;
mod tiers;

pub use app::BcmService;
pub use command::Command;
pub use config::BcmConfig;
