//! The journey as people make it, and the invariants of the system at rest.

mod client;
mod flow;
mod invariants;
mod topology;

pub use client::{Answer, Ask, Client, Observer, Seen};
pub use flow::{Progress, Saving, Silent, confirm, finalize_again, journey, pay_and_finalize, sign_in, sign_up};
pub use invariants::{Line, Places, Report, settle};
pub use topology::Topology;

/// Where a journey goes.
#[derive(Debug, Clone, clap::Args)]
pub struct Addresses {
    /// The gateway, for example `http://127.0.0.1:8080`.
    #[arg(long, env = "GATEWAY_URL")]
    pub gateway: String,
    /// The sandbox that plays PhonePe and Resend.
    #[arg(long, env = "SANDBOX_URL")]
    pub sandbox: String,
}
