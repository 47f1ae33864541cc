//! The onboarding service against real PostgreSQL, Redis and RabbitMQ.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, wherever its code stands")]

mod access;
mod broker;
mod drafts;
mod erasure;
mod finalize;
mod openapi;
mod operators;
mod rig;
mod tiers;
mod unlock;
