//! The service run whole: real database, real Redis, and the sandbox as PhonePe and Resend.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

mod autopay;
mod backlogs;
mod confirm;
mod console;
mod documents;
mod erasure;
mod invoices;
mod mail_webhooks;
mod operators;
mod orders;
mod public_problems;
mod reconcile;
mod refunds;
mod rig;
mod subscription;
mod webhooks;
