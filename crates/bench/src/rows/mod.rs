//! The rows of the table, in its order.

mod autosave;
mod footprint;
mod history;
mod journey;
mod manifest;
pub mod reduce;
mod relay;
mod resume;
mod sign_in;
mod token_verify;
mod verify_profile;
mod webhook;

use crate::{bar::Bar, stack::Stack};

/// Their names.
pub const NAMES: &[&str] = &[
    "manifest-hot",
    "manifest-redis",
    "manifest-gateway",
    "webhook",
    "autosave",
    "resume",
    "confirm",
    "finalize",
    "relay",
    "reduce",
    "history",
    "sign-in",
    "token-verify",
    "verify-profile",
    "footprint",
];

/// What a row is measured with.
pub struct Context {
    /// Pairs of each comparison.
    pub pairs: u32,
    /// Seconds of each measurement.
    pub seconds: u64,
    /// Where.
    pub stack: Stack,
}

/// Measures a row.
///
/// # Errors
/// When it cannot be measured; a missed bar is none.
pub async fn measure(name: &str, context: &Context) -> anyhow::Result<Vec<Bar>> {
    match name {
        "manifest-hot" => manifest::hot(context).await,
        "manifest-redis" => manifest::redis(context).await,
        "manifest-gateway" => manifest::gateway(context).await,
        "webhook" => webhook::measure(context).await,
        "autosave" => autosave::measure(context).await,
        "resume" => resume::measure(context).await,
        "confirm" => journey::confirm(context).await,
        "finalize" => journey::finalize(context).await,
        "relay" => relay::measure(context).await,
        "reduce" => reduce::measure(context),
        "history" => history::measure(context).await,
        "sign-in" => sign_in::measure(context).await,
        "token-verify" => token_verify::measure(context).await,
        "verify-profile" => verify_profile::measure(context).await,
        "footprint" => footprint::measure(context).await,
        other => anyhow::bail!("there is no row {other}"),
    }
}
