//! The mailer and what is told of its mails, against a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod deliveries;
mod mailer;
mod rig;
mod settings;
