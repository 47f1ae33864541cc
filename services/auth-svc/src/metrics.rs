//! Metrics of auth-svc.

use prometheus::{IntCounterVec, Registry};
use service_kit::metrics::counters;

/// Counters of what the provider and the gate did.
#[derive(Debug, Clone)]
pub struct AuthMetrics {
    /// Sign-ups by `outcome`.
    pub sign_ups_total: IntCounterVec,
    /// Password sign-ins by `outcome`.
    pub sign_ins_total: IntCounterVec,
    /// Refreshes by `outcome` (`rotated`, `repeated`, `reused`, …).
    pub refreshes_total: IntCounterVec,
    /// New passwords that were looked up among breached ones, by `outcome`.
    pub breach_checks_total: IntCounterVec,
    /// Users that the repair job took, by `outcome`.
    pub repairs_total: IntCounterVec,
}

impl AuthMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, outcomes: &[&str]| counters(registry, name, help, "outcome", outcomes);
        Ok(Self {
            sign_ups_total: counter("auth_sign_ups_total", "Sign-ups", &["done", "user_exists", "failed"])?,
            sign_ins_total: counter("auth_sign_ins_total", "Password sign-ins", &["done", "refused", "failed"])?,
            refreshes_total: counter(
                "auth_refreshes_total",
                "Refreshes of a session",
                &["rotated", "repeated", "reused", "refused", "failed"],
            )?,
            breach_checks_total: counter(
                "auth_breach_checks_total",
                "New passwords looked up among breached ones",
                &["clear", "breached", "unavailable"],
            )?,
            repairs_total: counter("auth_repairs_total", "Users provisioned by the repair job", &["repaired", "failed"])?,
        })
    }
}
