//! The 23 steps: drafts, completion, finalize.
//!
//! ```text
//! http ──► session   a member's edits and the resume answer     ──► drafts (Redis), store (PostgreSQL)
//!      └─► finalize  the business context and what became of it ──► store
//! http ──► transfer  all answers at once, in and out; suggest: what a page says of its company        ──► session
//! consumers, jobs ──► standing   unlock, subscription, manifest: the status and the events that tell it ──► store
//! jobs, console   ──► cleanup    reminders, putting away, repairs, figures                              ──► drafts, store
//! ```
//!
//! An edit is a compare-and-set on the workspace's hash in Redis (`drafts`), marked dirty in the same script. The
//! write-behind (`session::flush`) carries dirty steps to PostgreSQL; completing and skipping wait for it. Without
//! Redis the same edit is made on the rows. An *epoch*, raised in PostgreSQL whenever drafts begin to be kept
//! elsewhere, fences what an older place still holds.

mod app;
mod cleanup;
mod config;
pub mod console;
mod consumers;
mod drafts;
mod finalize;
mod http;
mod jobs;
mod mail_template;
mod metrics;
mod session;
mod standing;
mod store;
mod suggest;
mod transfer;
mod watch;

pub use app::OnboardingService;
pub use config::OnboardingConfig;
pub use consumers::{ManifestEvents, PaymentEvents, WorkspaceEvents};
