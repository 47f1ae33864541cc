//! What the payments service counts.

use prometheus::{Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use service_kit::metrics::{counters, register};

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
    /// Orders whose check is late by ten seconds.
    pub overdue_checks: IntGauge,
    /// Orders that wait to be paid, by `state`.
    pub open_orders: IntGaugeVec,
    /// Age of the oldest of them in seconds, by `state`; 0 when there is none.
    pub open_order_age: GaugeVec,
    /// Webhooks whose receipt was not worked on to its end.
    pub receipts_pending: IntGauge,
    /// For how long the receipt that is due for longest has been due, in seconds; 0 when none is due.
    pub receipts_lag: Gauge,
    /// Orders that were paid after they had failed or expired.
    pub late_successes: IntCounter,
    /// Payments beyond what was owed; each is given back.
    pub excess_payments: IntCounter,
    /// Refunds that reached a `state`; mismatched are those of which the provider says another amount.
    pub refunds: IntCounterVec,
    /// Refunds that have not ended.
    pub open_refunds: IntGauge,
    /// Age of the oldest of them in seconds; 0 when there is none.
    pub open_refund_age: Gauge,
    /// Subscriptions by `state`.
    pub subscriptions: IntGaugeVec,
    /// Subscriptions that moved with time, by `change`: renewed, `past_due`, expired.
    pub lapses: IntCounterVec,
    /// Mandates by `state`.
    pub mandates: IntGaugeVec,
    /// Mandates that the provider was not told to end yet, or did not end.
    pub mandates_to_end: IntGauge,
    /// Debits under way.
    pub open_debits: IntGauge,
    /// Those of them that the provider can no longer take.
    pub overdue_debits: IntGauge,
    /// Access tokens that PhonePe was asked for, by `outcome`: granted, failed.
    pub tokens: IntCounterVec,
    /// Seconds per call of PhonePe by `call` (pay, status, refund, `refund_status`, notify, redeem, `mandate_status`, `cancel_mandate`)
    /// and `outcome`.
    pub phonepe_request_duration_seconds: HistogramVec,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, label: &str, values: &[&str]| counters(registry, name, help, label, values);
        let phonepe = HistogramOpts::new("phonepe_request_duration_seconds", "Seconds per call of PhonePe.")
            .buckets(vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        let age = Opts::new("payments_open_order_age_seconds", "Age of the oldest order that waits to be paid.");
        let metrics = Self {
            orders: counter(
                "payments_orders_total",
                "Orders that reached a state.",
                "state",
                &["pending", "completed", "failed", "expired", "quarantined", "refund_pending"],
            )?,
            webhooks: counter(
                "payments_webhooks_total",
                "Webhooks received.",
                "outcome",
                &["stored", "repeated", "unauthenticated", "refused"],
            )?,
            receipts: counter(
                "payments_receipts_total",
                "Webhook receipts worked on.",
                "outcome",
                &["applied", "waiting", "unknown_order", "irrelevant", "given_up"],
            )?,
            checks: counter(
                "payments_checks_total",
                "Status checks of the reconciler.",
                "outcome",
                &["unchanged", "completed", "failed", "expired", "quarantined", "repaid", "unavailable"],
            )?,
            open_orders: register(
                registry,
                IntGaugeVec::new(Opts::new("payments_open_orders", "Orders that wait to be paid."), &["state"])?,
            )?,
            open_order_age: register(registry, GaugeVec::new(age, &["state"])?)?,
            receipts_pending: register(registry, IntGauge::new("payments_receipts_pending", "Receipts that wait to be worked on.")?)?,
            receipts_lag: register(registry, Gauge::new("payments_receipts_lag_seconds", "For how long a receipt has been due.")?)?,
            overdue_checks: register(registry, IntGauge::new("payments_overdue_checks", "Orders whose check is late.")?)?,
            late_successes: register(
                registry,
                IntCounter::new("payments_late_successes_total", "Orders paid after they had failed or expired.")?,
            )?,
            excess_payments: register(registry, IntCounter::new("payments_excess_payments_total", "Payments beyond what was owed.")?)?,
            refunds: counter(
                "payments_refunds_total",
                "Refunds that reached a state.",
                "state",
                &["ambiguous", "pending", "confirmed", "completed", "failed", "mismatched"],
            )?,
            open_refunds: register(registry, IntGauge::new("payments_open_refunds", "Refunds that have not ended.")?)?,
            open_refund_age: register(
                registry,
                Gauge::new("payments_open_refund_age_seconds", "Age of the oldest refund that has not ended.")?,
            )?,
            subscriptions: register(
                registry,
                IntGaugeVec::new(Opts::new("payments_subscriptions", "Subscriptions by state."), &["state"])?,
            )?,
            lapses: counter(
                "payments_subscription_lapses_total",
                "Subscriptions that moved with time.",
                "change",
                &["renewed", "past_due", "expired"],
            )?,
            mandates: register(registry, IntGaugeVec::new(Opts::new("payments_mandates", "Mandates by state."), &["state"])?)?,
            mandates_to_end: register(registry, IntGauge::new("payments_mandates_to_end", "Mandates that have yet to be ended.")?)?,
            open_debits: register(registry, IntGauge::new("payments_open_debits", "Debits under way.")?)?,
            overdue_debits: register(registry, IntGauge::new("payments_overdue_debits", "Debits under way that can no longer be taken.")?)?,
            tokens: counter("phonepe_tokens_total", "Access tokens that PhonePe was asked for.", "outcome", &["granted", "failed"])?,
            phonepe_request_duration_seconds: register(registry, HistogramVec::new(phonepe, &["call", "outcome"])?)?,
        };
        let (acts, questions) = (["accepted", "refused", "ambiguous"], ["found", "not_found", "unavailable"]);
        for (call, outcomes) in [
            ("pay", acts),
            ("refund", acts),
            ("notify", acts),
            ("redeem", acts),
            ("cancel_mandate", acts),
            ("status", questions),
            ("refund_status", questions),
            ("mandate_status", questions),
        ] {
            for outcome in outcomes {
                metrics.phonepe_request_duration_seconds.with_label_values(&[call, outcome]);
            }
        }
        Ok(metrics)
    }
}
