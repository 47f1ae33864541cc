//! Prometheus metrics: an injected registry (no globals), the RED metrics of every HTTP route and the process's own.
//!
//! `deploy/observe/metrics.yaml` is the schema of every metric; a check compares it with what the services expose.

use actix_web::http::Method;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
    process_collector::ProcessCollector,
};

/// The registry of a process with the metrics that every service has.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where a service registers its own metrics.
    pub registry: Registry,
    /// Seconds per request by `method`, `route` (the pattern, never the path) and `status`.
    pub http_request_duration_seconds: HistogramVec,
    /// Event streams that are open.
    pub event_streams_open: IntGauge,
    /// Pool connections by `pool` and `state` (`size`, `available`, `waiting`).
    pub db_pool_connections: IntGaugeVec,
    /// Refused requests by `limit`.
    pub rate_limited_total: IntCounterVec,
    /// Cache commands that had no answer, by `reason` (`unavailable`, `refused`).
    pub cache_failures_total: IntCounterVec,
    /// Connections to Redis by `state` (see [`crate::cache::Cache::states`]).
    pub cache_connections: IntGaugeVec,
    /// Whether Redis is not asked at present, because it kept failing.
    pub cache_breaker_open: IntGauge,
    /// Whether `/readyz` would say yes.
    pub service_ready: IntGauge,
    /// Whether `/readyz` would name something that is worse than usual.
    pub service_degraded: IntGauge,
    /// Panics of any thread or task.
    pub panics_total: IntCounter,
}

impl Metrics {
    /// Registers the kit's metrics in a new registry.
    ///
    /// # Errors
    /// When a metric's name is taken.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let gauges = |name: &str, help: &str, labels: &[&str]| register(&registry, IntGaugeVec::new(Opts::new(name, help), labels)?);
        let buckets = vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let metrics = Self {
            http_request_duration_seconds: register(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new("http_request_duration_seconds", "Seconds from the request's head to the response's head")
                        .buckets(buckets),
                    &["method", "route", "status"],
                )?,
            )?,
            db_pool_connections: gauges("db_pool_connections", "Database pool by state", &["pool", "state"])?,
            rate_limited_total: register(
                &registry,
                IntCounterVec::new(Opts::new("rate_limited_total", "Requests refused by a rate limit"), &["limit"])?,
            )?,
            cache_failures_total: counters(
                &registry,
                "cache_failures_total",
                "Cache commands without an answer",
                "reason",
                &["unavailable", "refused"],
            )?,
            event_streams_open: register(&registry, IntGauge::new("event_streams_open", "Event streams that are open")?)?,
            cache_connections: gauges("cache_connections", "Connections to Redis by state", &["state"])?,
            cache_breaker_open: register(
                &registry,
                IntGauge::new("cache_breaker_open", "1 while Redis is not asked because it kept failing")?,
            )?,
            service_ready: register(&registry, IntGauge::new("service_ready", "1 while the process should be sent work")?)?,
            service_degraded: register(&registry, IntGauge::new("service_degraded", "1 while something is worse than usual")?)?,
            panics_total: register(&registry, IntCounter::new("panics_total", "Panics of any thread or task")?)?,
            registry,
        };
        let build = IntGaugeVec::new(Opts::new("build_info", "1, with what was built as labels"), &["version", "profile"])?;
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), profile]).set(1);
        metrics.registry.register(Box::new(build))?;
        metrics.registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// The exposition in Prometheus' text format.
    pub fn exposition(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// A registered counter with one `label`. The series of all its `values` exist from the start: a rate cannot see the first
/// increase of a series that begins with it.
///
/// # Errors
/// When the name is taken or not one of a metric.
pub fn counters(registry: &Registry, name: &str, help: &str, label: &str, values: &[&str]) -> prometheus::Result<IntCounterVec> {
    let counter = register(registry, IntCounterVec::new(Opts::new(name, help), &[label])?)?;
    for value in values {
        counter.with_label_values(&[value]);
    }
    Ok(counter)
}

/// Registers a metric and hands it on.
///
/// # Errors
/// When its name is taken.
pub fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// A client may invent methods; a label may not.
pub(crate) fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}
