//! What the payments service counts.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

/// The metrics of one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Orders that reached a `state`.
    pub orders: IntCounterVec,
    /// Webhooks by `outcome`: stored, repeated, unauthenticated, refused.
    pub webhooks: IntCounterVec,
    /// Receipts that were worked on, by `outcome`: applied, waiting, `unknown_order`, irrelevant, `given_up`.
    pub receipts: IntCounterVec,
    /// Checks of the reconciler by `outcome`: unchanged, completed, failed, expired, quarantined, repaid, unavailable.
    pub checks: IntCounterVec,
    /// Orders whose check is due and not yet made.
    pub overdue_checks: IntGauge,
    /// Payments beyond what was owed; each needs a refund.
    pub excess_payments: prometheus::IntCounter,
    /// Seconds per call of PhonePe by `call` (pay, status) and `outcome`.
    pub phonepe_request_duration_seconds: HistogramVec,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| register(registry, IntCounterVec::new(Opts::new(name, help), &[label])?);
        Ok(Self {
            orders: counters("payments_orders_total", "Orders that reached a state.", "state")?,
            webhooks: counters("payments_webhooks_total", "Webhooks received.", "outcome")?,
            receipts: counters("payments_receipts_total", "Webhook receipts worked on.", "outcome")?,
            checks: counters("payments_checks_total", "Status checks of the reconciler.", "outcome")?,
            overdue_checks: register(registry, IntGauge::new("payments_overdue_checks", "Orders whose check is due.")?)?,
            excess_payments: register(
                registry,
                prometheus::IntCounter::new("payments_excess_payments_total", "Payments beyond what was owed.")?,
            )?,
            phonepe_request_duration_seconds: register(
                registry,
                HistogramVec::new(
                    HistogramOpts::new("phonepe_request_duration_seconds", "Seconds per call of PhonePe.")
                        .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
                    &["call", "outcome"],
                )?,
            )?,
        })
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
