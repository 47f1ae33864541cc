//! What the mailer counts.

use prometheus::{Gauge, IntCounterVec, IntGauge, Registry};
use service_kit::metrics::{counters, register};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Attempts by `outcome`: sent, retried, failed.
    pub(crate) attempts: IntCounterVec,
    /// Mails that wait.
    pub(crate) pending: IntGauge,
    /// Age of the oldest of them in seconds; 0 when there is none.
    pub(crate) oldest_age: Gauge,
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
        })
    }
}
