//! Metrics of auth-svc.

use prometheus::{IntCounterVec, Opts, Registry};

/// Counters of what the provider and the gate did.
#[derive(Debug, Clone)]
pub struct AuthMetrics {
    /// Sign-ups by `outcome`.
    pub sign_ups_total: IntCounterVec,
    /// Password sign-ins by `outcome`.
    pub sign_ins_total: IntCounterVec,
    /// Refreshes by `outcome` (`rotated`, `repeated`, `reused`, …).
    pub refreshes_total: IntCounterVec,
    /// Users that the repair job took, by `outcome`.
    pub repairs_total: IntCounterVec,
}

impl AuthMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            sign_ups_total: counter("auth_sign_ups_total", "Sign-ups")?,
            sign_ins_total: counter("auth_sign_ins_total", "Password sign-ins")?,
            refreshes_total: counter("auth_refreshes_total", "Refreshes of a session")?,
            repairs_total: counter("auth_repairs_total", "Users provisioned by the repair job")?,
        })
    }
}
