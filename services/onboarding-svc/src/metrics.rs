//! What the service counts.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use service_kit::metrics::{counters, register};

/// The metrics of one process.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Workspaces unlocked, by `source` (`payment`, `trial`).
    pub(crate) unlocks: IntCounterVec,
    /// Edits accepted, by `tier` (`redis`, `postgres`).
    pub(crate) saves: IntCounterVec,
    /// Edits refused because the step had changed.
    pub(crate) conflicts: IntCounter,
    /// Times drafts were loaded from PostgreSQL into Redis.
    pub(crate) rebuilds: IntCounter,
    /// Workspaces written behind, by `outcome` (`written`, `fenced`, `failed`).
    pub(crate) flushes: IntCounterVec,
    /// Workspaces whose drafts PostgreSQL does not have yet.
    pub(crate) dirty: IntGauge,
    /// For how long the workspace that is due for longest waits to be written behind, in seconds.
    pub(crate) write_behind_lag: Gauge,
    /// Contexts handed on to be made into manifests.
    pub(crate) finalizes: IntCounter,
    /// Seconds since the oldest finalize that waits for its manifest; 0 when none waits.
    pub(crate) finalize_oldest_age: Gauge,
    /// Finalizes asked for again.
    pub(crate) finalize_repeated: IntCounter,
    /// Edits taken back.
    pub(crate) undos: IntCounter,
    /// Answers taken over as a whole, by `source` (`file`, `workspace`).
    pub(crate) imports: IntCounterVec,
    /// What the cleanup did, by `act` (`reminded`, `archived`, `lifetime`, `orphan`).
    pub(crate) cleanups: IntCounterVec,
    /// Seconds since a round of the cleanup came to its end, by whomever.
    pub(crate) cleanup_age: Gauge,
    /// Onboardings, by `status`.
    pub(crate) sessions: IntGaugeVec,
    /// Steps that were touched, of all onboardings, by `state`.
    pub(crate) steps: IntGaugeVec,
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| register(registry, IntCounter::new(name, help)?);
        Ok(Self {
            unlocks: counters(registry, "onboarding_unlocks_total", "Workspaces unlocked.", "source", &["payment", "trial"])?,
            saves: counters(registry, "onboarding_saves_total", "Edits accepted.", "tier", &["redis", "postgres"])?,
            conflicts: counter("onboarding_conflicts_total", "Edits refused because the step had changed.")?,
            rebuilds: counter("onboarding_rebuilds_total", "Times drafts were loaded from PostgreSQL into Redis.")?,
            flushes: counters(
                registry,
                "onboarding_flushes_total",
                "Workspaces written behind.",
                "outcome",
                &["written", "fenced", "failed"],
            )?,
            dirty: register(registry, IntGauge::new("onboarding_dirty_workspaces", "Workspaces that PostgreSQL is behind of.")?)?,
            write_behind_lag: register(
                registry,
                Gauge::new("onboarding_write_behind_lag_seconds", "For how long a workspace is overdue to be written behind.")?,
            )?,
            finalizes: counter("onboarding_finalizes_total", "Contexts handed on to be made into manifests.")?,
            finalize_oldest_age: register(
                registry,
                Gauge::new("onboarding_finalize_oldest_age_seconds", "Age of the oldest finalize that waits for its manifest.")?,
            )?,
            finalize_repeated: counter("onboarding_finalize_repeated_total", "Finalizes asked for again.")?,
            undos: counter("onboarding_undos_total", "Edits taken back.")?,
            imports: counters(registry, "onboarding_imports_total", "Answers taken over as a whole.", "source", &["file", "workspace"])?,
            cleanups: counters(
                registry,
                "onboarding_cleanup_total",
                "What the cleanup of sessions did.",
                "act",
                &["reminded", "archived", "lifetime", "orphan"],
            )?,
            cleanup_age: register(
                registry,
                Gauge::new("onboarding_cleanup_age_seconds", "Seconds since a round of the cleanup came to its end.")?,
            )?,
            sessions: register(registry, IntGaugeVec::new(Opts::new("onboarding_sessions", "Onboardings."), &["status"])?)?,
            steps: register(registry, IntGaugeVec::new(Opts::new("onboarding_steps", "Steps that were touched."), &["state"])?)?,
        })
    }
}
