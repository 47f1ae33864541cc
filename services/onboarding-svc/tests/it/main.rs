//! The onboarding service against real PostgreSQL, Redis and RabbitMQ.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, wherever its code stands")]

mod access;
mod bad_input;
mod broker;
mod cleanup;
mod companies;
mod contexts;
mod dice;
mod drafts;
mod erasure;
mod finalize;
mod interleaving;
mod openapi;
mod operators;
mod orders;
mod rig;
mod saga;
mod service_process;
mod tiers;
mod transfer;
mod undo;
mod unlock;
mod versions;
