//! The manifest store against real PostgreSQL, Redis and RabbitMQ. Needs the test stack.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and publishes in another service's place"
)]

mod consuming;
mod erasure;
mod generating;
mod killed;
mod openapi;
mod operating;
mod outages;
mod reading;
mod rebuilding;
mod rendering;
mod revising;
mod rig;
mod service_process;
mod tiers;
