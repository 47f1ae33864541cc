//! Prometheus metrics: an injected registry (no globals) and the RED metrics of every HTTP route.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The registry of a process with the metrics that every service has.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where a service registers its own metrics.
    pub registry: Registry,
    /// Seconds per request by `method`, `route` (the pattern, never the path) and `status`.
    pub http_request_duration_seconds: HistogramVec,
    /// Requests whose handler panicked; each was answered with a 500.
    pub http_panics_total: IntCounter,
    /// Event streams that are open.
    pub event_streams_open: IntGauge,
    /// Pool connections by `pool` and `state` (`size`, `available`, `waiting`).
    pub db_pool_connections: IntGaugeVec,
    /// Refused requests by `limit`.
    pub rate_limited_total: IntCounterVec,
    /// Cache commands that had no answer, by `reason` (`unavailable`, `refused`).
    pub cache_failures_total: IntCounterVec,
}

impl Metrics {
    /// Registers the kit's metrics in a new registry.
    ///
    /// # Errors
    /// When a metric's name is taken.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            http_request_duration_seconds: HistogramVec::new(
                HistogramOpts::new("http_request_duration_seconds", "Seconds from the request's head to the response's head")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
                &["method", "route", "status"],
            )?,
            http_panics_total: IntCounter::new("http_panics_total", "Requests whose handler panicked")?,
            event_streams_open: IntGauge::new("event_streams_open", "Event streams that are open")?,
            db_pool_connections: IntGaugeVec::new(Opts::new("db_pool_connections", "Database pool by state"), &["pool", "state"])?,
            rate_limited_total: IntCounterVec::new(Opts::new("rate_limited_total", "Requests refused by a rate limit"), &["limit"])?,
            cache_failures_total: IntCounterVec::new(Opts::new("cache_failures_total", "Cache commands without an answer"), &["reason"])?,
            registry,
        };
        metrics.registry.register(Box::new(metrics.http_request_duration_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.http_panics_total.clone()))?;
        metrics.registry.register(Box::new(metrics.event_streams_open.clone()))?;
        metrics.registry.register(Box::new(metrics.db_pool_connections.clone()))?;
        metrics.registry.register(Box::new(metrics.rate_limited_total.clone()))?;
        metrics.registry.register(Box::new(metrics.cache_failures_total.clone()))?;
        Ok(metrics)
    }

    /// The exposition in Prometheus' text format.
    pub fn exposition(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
