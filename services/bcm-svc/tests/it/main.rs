//! The manifest store against real PostgreSQL, Redis and RabbitMQ. Needs the test stack.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod generating;
mod openapi;
mod operating;
mod reading;
mod rebuilding;
mod rig;
mod tiers;
