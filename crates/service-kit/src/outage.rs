//! A dependency that does not answer is not asked by everybody who waits for it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// After a failure, and while somebody asks again, the others are not let through for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of a dependency that somebody has something older to use in place of.
#[derive(Debug, Default)]
pub struct Outage {
    /// Looked at first: nearly always there is none.
    present: AtomicBool,
    until: Mutex<Option<Instant>>,
}

impl Outage {
    /// Whether to ask: always while nothing failed, then one caller a second.
    pub fn let_through(&self) -> bool {
        if !self.present.load(Ordering::Relaxed) {
            return true;
        }
        let mut until = self.lock();
        if until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        if until.is_some() {
            *until = Some(Instant::now() + PAUSE);
        }
        true
    }

    /// It did not answer.
    pub fn began(&self) {
        *self.lock() = Some(Instant::now() + PAUSE);
        self.present.store(true, Ordering::Relaxed);
    }

    /// It answered.
    pub fn ended(&self) {
        if self.present.swap(false, Ordering::Relaxed) {
            *self.lock() = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_caller_a_second_asks_until_there_is_an_answer() {
        let outage = Outage::default();
        assert!(outage.let_through() && outage.let_through());
        outage.began();
        assert!(!outage.let_through());
        *outage.lock() = Some(Instant::now());
        assert!(outage.let_through(), "a second later");
        assert!(!outage.let_through(), "while that one waits");
        outage.ended();
        assert!(outage.let_through() && outage.let_through());
    }
}
