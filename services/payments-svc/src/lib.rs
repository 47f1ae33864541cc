//! Plans, orders, PhonePe, subscriptions.
//!
//! `http` extracts and maps; the use cases in [`payment`] open the one transaction and write state, events and audit
//! rows; [`store`] is SQL; [`phonepe`] is the provider. Money is believed on the provider's Status API alone: a webhook
//! (`payment::receipt`) and the schedule (`payment::reconcile`) are two reasons to ask it, and `payment::confirm` is the
//! one place where its answer becomes true. `payment::refund` does the same for money that is given
//! back, and [`invoice`] issues the document of each;
//! [`subscription`] lives on what was paid, and
//! [`autopay`] pays it by mandate.

pub mod app;
pub mod autopay;
pub mod config;
pub mod console;
mod consumers;
pub mod http;
pub mod invoice;
mod jobs;
pub mod mail_template;
pub mod metrics;
pub mod payment;
pub mod phonepe;
pub mod report;
pub mod seller;
pub mod store;
pub mod subscription;
pub mod watch;

pub use app::App;
