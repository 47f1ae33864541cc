//! At-least-once delivery in one place: outbox, relay, inbox, topology, consumers, dead letters.
//!
//! A use case calls [`outbox::append`] inside its transaction. The relay publishes what it finds there, with confirms,
//! in order per aggregate. A consumer inserts the event id into its inbox in the transaction of its effect and
//! acknowledges after the commit; what fails for a while is retried through the queues of [`topology`], what can never
//! succeed rests in a dead queue until somebody uses [`dead_letters`]. [`Messaging::start`] runs all of it; [`operator`] and
//! [`admin`] are what operators use, at the console and by HTTP.

pub mod admin;
mod backoff;
pub mod consumer;
pub mod dead_letters;
pub mod envelope;
pub mod inbox;
pub mod link;
pub mod metrics;
pub mod operator;
pub mod outbox;
mod publisher;
mod relay;
mod runtime;
pub mod topology;
pub mod trace;

pub use consumer::{ConsumerSpec, Delivered, Handler, HandlerError};
pub use runtime::{ConsumerHealth, Messaging, MessagingConfig, Parts, StartError};
