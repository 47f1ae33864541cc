//! Conformance against a real broker and a real database: whatever fails, nothing is lost, nothing has two effects and
//! nothing is published out of order. Needs the test stack.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test fails by panicking and publishes as a stranger could")]

mod backlog;
mod broken;
mod child;
mod consuming;
mod crashes;
mod dead_letters;
mod outages;
mod outbox_desk;
mod partitions;
mod permissions;
mod poison;
mod publishing;
mod reconnects;
mod rig;
