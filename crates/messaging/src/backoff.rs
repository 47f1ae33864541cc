//! Waiting longer after each failure, never in step with other processes.

use std::time::Duration;

/// Doubles from `base` to `cap`; each wait is drawn from the upper half of its step, so that a broker that comes back
/// is not met by all its clients at the same instant.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Reconnecting: 200 ms to 2 s, so that who consumes is back well within 10 s of the broker's return.
    pub(crate) const fn reconnect() -> Self {
        Self { base: Duration::from_millis(200), cap: Duration::from_secs(2), failures: 0 }
    }

    /// Forgets past failures.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let step = self.base.saturating_mul(1_u32 << self.failures.min(16)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_over_after_a_reset() {
        let mut backoff = Backoff::reconnect();
        assert!(backoff.next() <= Duration::from_millis(200));
        for _ in 0..20 {
            assert!(backoff.next() <= Duration::from_secs(2));
        }
        assert!(backoff.next() >= Duration::from_secs(1));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(200));
    }
}
