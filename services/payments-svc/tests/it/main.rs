//! The service run whole: real database, real Redis, and the sandbox as PhonePe and Resend.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

mod backlogs;
mod confirm;
mod documents;
mod erasure;
mod mail_webhooks;
mod operators;
mod orders;
mod reconcile;
mod refunds;
mod rig;
mod webhooks;
