//! What the mailer counts.

use prometheus::{Gauge, IntCounterVec, IntGauge, Registry};
use service_kit::metrics::{counters, register};

use crate::{delivery::Delivery, suppression::Reason};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Attempts by `outcome`: sent, retried, failed.
    pub(crate) attempts: IntCounterVec,
    /// Mails that wait.
    pub(crate) pending: IntGauge,
    /// Age of the oldest of them in seconds; 0 when there is none.
    pub(crate) oldest_age: Gauge,
    /// Mails that were not sent because their address gets none, by `reason`.
    pub(crate) suppressed: IntCounterVec,
    /// Mails that reached a `state`, as the provider told.
    pub(crate) deliveries: IntCounterVec,
    /// Webhooks about mails by `outcome`: stored, repeated, ignored, refused, unauthenticated.
    pub(crate) webhooks: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            attempts: counters(
                registry,
                "mail_attempts_total",
                "Attempts to hand a mail to the provider.",
                "outcome",
                &["sent", "retried", "failed"],
            )?,
            pending: register(registry, IntGauge::new("mail_pending", "Mails that wait to be sent.")?)?,
            oldest_age: register(registry, Gauge::new("mail_oldest_age_seconds", "Age of the oldest waiting mail.")?)?,
            suppressed: counters(
                registry,
                "mail_suppressed_total",
                "Mails that were not sent because their address gets none.",
                "reason",
                &Reason::ALL.map(Reason::as_str),
            )?,
            deliveries: counters(
                registry,
                "mail_deliveries_total",
                "Mails that reached a state, as the provider told.",
                "state",
                &Delivery::ALL.map(Delivery::as_str),
            )?,
            webhooks: counters(
                registry,
                "mail_webhooks_total",
                "Webhooks about mails.",
                "outcome",
                &["stored", "repeated", "ignored", "refused", "unauthenticated"],
            )?,
        })
    }
}
