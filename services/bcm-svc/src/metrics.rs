//! What the service counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use service_kit::metrics::{counters, register};

use crate::tiers::{Swept, Tier};

/// The service's own metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    reads: IntCounterVec,
    integrity_failures: IntCounterVec,
    generated: IntCounterVec,
    reduce_seconds: Histogram,
    memory_bytes: IntGauge,
    memory_budget: IntGauge,
    evictions: IntCounter,
    stale_reads: IntCounter,
    redis_keys: IntGauge,
    redis_swept: IntCounterVec,
    access_dropped: IntCounter,
    versions_removed: IntCounter,
}

impl Metrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let reads = Opts::new("bcm_tier_reads_total", "Reads by what was read and the tier that had it");
        let generated = Opts::new("bcm_manifests_generated_total", "Contexts that were reduced, by cause and by what came of it");
        let reduce = HistogramOpts::new("bcm_reduce_duration_seconds", "Seconds to reduce a context")
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]);
        let metrics = Self {
            reads: register(registry, IntCounterVec::new(reads, &["what", "tier"])?)?,
            integrity_failures: counters(
                registry,
                "bcm_integrity_failures_total",
                "Bytes that did not match their checksum, by tier",
                "tier",
                &["redis", "postgres"],
            )?,
            generated: register(registry, IntCounterVec::new(generated, &["cause", "outcome"])?)?,
            reduce_seconds: register(registry, Histogram::with_opts(reduce)?)?,
            memory_bytes: register(
                registry,
                IntGauge::new("bcm_memory_tier_bytes", "Bytes of manifests kept ready to send in this process")?,
            )?,
            memory_budget: register(
                registry,
                IntGauge::new("bcm_memory_tier_budget_bytes", "The most bytes of manifests that this process keeps")?,
            )?,
            evictions: register(
                registry,
                IntCounter::new("bcm_memory_tier_evictions_total", "Versions that made room for others in this process")?,
            )?,
            stale_reads: register(
                registry,
                IntCounter::new("bcm_stale_heads_total", "Head pointers used beyond their life because PostgreSQL did not answer")?,
            )?,
            redis_keys: register(registry, IntGauge::new("bcm_redis_versions", "Versions in Redis when it was last looked through")?)?,
            redis_swept: counters(
                registry,
                "bcm_redis_swept_total",
                "Keys of Redis that were removed or given a life, by why",
                "reason",
                &["lock", "without_life", "orphan", "budget"],
            )?,
            access_dropped: register(
                registry,
                IntCounter::new("bcm_access_log_dropped_total", "Reads that should have been noted in the access log and were not")?,
            )?,
            versions_removed: register(registry, IntCounter::new("bcm_versions_removed_total", "Old versions that retention removed")?)?,
        };
        for what in ["head", "content"] {
            for tier in [Tier::Memory, Tier::Redis, Tier::Postgres] {
                metrics.reads.with_label_values(&[what, tier.as_str()]);
            }
        }
        for cause in ["finalized", "rebuild", "upgrade"] {
            for outcome in ["new", "unchanged", "superseded", "repeated", "failed"] {
                metrics.generated.with_label_values(&[cause, outcome]);
            }
        }
        Ok(metrics)
    }

    /// Something (`head`, `content`) was found in `tier`.
    pub fn read(&self, what: &str, tier: Tier) {
        self.reads.with_label_values(&[what, tier.as_str()]).inc();
    }

    /// `tier` held bytes that are not what their checksum says.
    pub fn integrity_failure(&self, tier: Tier) {
        self.integrity_failures.with_label_values(&[tier.as_str()]).inc();
    }

    /// A context was dealt with, because of `cause` (`finalized`, `rebuild`, `upgrade`).
    pub fn generated(&self, cause: &str, outcome: &str) {
        self.generated.with_label_values(&[cause, outcome]).inc();
    }

    /// A reduction took this long.
    pub fn reduced(&self, seconds: f64) {
        self.reduce_seconds.observe(seconds);
    }

    /// The most that the tier in process holds.
    pub fn budget(&self, bytes: u64) {
        self.memory_budget.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A version made room for another one.
    pub fn evicted(&self) {
        self.evictions.inc();
    }

    /// A head pointer was used beyond its life.
    pub fn stale(&self) {
        self.stale_reads.inc();
    }

    /// Redis was looked through.
    pub fn swept(&self, swept: &Swept) {
        self.redis_keys.set(i64::try_from(swept.keys).unwrap_or(i64::MAX));
        let reasons =
            [("lock", swept.locks), ("without_life", swept.without_life), ("orphan", swept.orphans), ("budget", swept.over_budget)];
        for (reason, count) in reasons {
            self.redis_swept.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// So many reads were not noted.
    pub fn access_dropped(&self, reads: usize) {
        self.access_dropped.inc_by(u64::try_from(reads).unwrap_or(u64::MAX));
    }

    /// Retention removed so many versions.
    pub fn versions_removed(&self, versions: u64) {
        self.versions_removed.inc_by(versions);
    }

    /// The tier in process holds this many bytes.
    pub fn memory(&self, bytes: u64) {
        self.memory_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
