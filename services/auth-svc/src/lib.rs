//! Identity, profiles, workspaces and the gate.
//!
//! - [`provider`]: the embedded identity provider under `/auth/v1`, in Supabase Auth's own shapes. What it answers
//!   follows the protocol that `@supabase/auth-js` and the Python client speak, so that both work unmodified.
//! - [`gate`]: profiles and workspaces (`ensure-profile`), and where a user is to go next (`verify-profile`).
//! - [`workspace`]: workspaces, members, invitations.
//! - [`consumers`]: events of the other services, kept as projections that the gate reads.
//! - [`jobs`]: provisions users whose sign-up trigger failed, removes proofs that nobody
//!   brought, ends accounts whose grace period is over.
//! - [`operators`]: who may operate the deployment; [`keys`]: what signs access tokens; [`service_keys`]: which servers may
//!   manage accounts.
//! - [`bootstrap`]: prepares the database for all services.
//! - [`http`] and [`store`]: endpoints, and SQL.

mod app;
pub mod bootstrap;
pub mod config;
pub mod consumers;
pub mod gate;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod metrics;
pub mod operators;
pub mod provider;
pub mod service_keys;
pub mod store;
pub mod workspace;

pub use app::{AuthCommand, AuthService};
