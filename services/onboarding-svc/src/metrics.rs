//! What the service counts.

use prometheus::{Gauge, IntCounter, IntCounterVec, Opts, Registry, core::Collector};

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
    /// Seconds since the oldest finalize that waits for its manifest; 0 when none waits.
    pub(crate) finalize_oldest_age: Gauge,
    /// Finalizes asked for again.
    pub(crate) finalize_repeated: IntCounter,
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| register(registry, IntCounterVec::new(Opts::new(name, help), &[label])?);
        let counter = |name: &str, help: &str| register(registry, IntCounter::new(name, help)?);
        Ok(Self {
            unlocks: counters("onboarding_unlocks_total", "Workspaces unlocked.", "source")?,
            saves: counters("onboarding_saves_total", "Edits accepted.", "tier")?,
            conflicts: counter("onboarding_conflicts_total", "Edits refused because the step had changed.")?,
            rebuilds: counter("onboarding_rebuilds_total", "Times drafts were loaded from PostgreSQL into Redis.")?,
            flushes: counters("onboarding_flushes_total", "Workspaces written behind.", "outcome")?,
            finalize_oldest_age: register(
                registry,
                Gauge::new("onboarding_finalize_oldest_age_seconds", "Age of the oldest finalize that waits for its manifest.")?,
            )?,
            finalize_repeated: counter("onboarding_finalize_repeated_total", "Finalizes asked for again.")?,
        })
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
