//! A Redis that keeps failing is not asked: whoever would wait for it goes on at once.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// So many failures within [`WINDOW`] open the breaker.
const FAILURES: usize = 5;
const WINDOW: Duration = Duration::from_secs(10);
/// How long it stays open; then one command is let through, and decides.
const OPEN: Duration = Duration::from_secs(1);

/// Open after five failures in ten seconds, for a second at a time.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Looked at first: nearly always nothing failed.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a command may be sent.
    pub(super) fn lets_through(&self) -> bool {
        !self.troubled.load(Ordering::Relaxed) || self.state.lock().unwrap_or_else(PoisonError::into_inner).lets_through(Instant::now())
    }

    /// A command had an answer.
    pub(super) fn succeeded(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
            self.troubled.store(false, Ordering::Relaxed);
        }
    }

    /// A command had none.
    pub(super) fn failed(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed(Instant::now());
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) && self.state.lock().unwrap_or_else(PoisonError::into_inner).open_until.is_some()
    }
}

impl State {
    fn lets_through(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                // The others wait for what becomes of this one.
                self.open_until = Some(now + OPEN);
                true
            }
        }
    }

    fn failed(&mut self, now: Instant) {
        while self.failures.front().is_some_and(|first| now.duration_since(*first) > WINDOW) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        if self.failures.len() >= FAILURES {
            self.open_until = Some(now + OPEN);
            self.failures.drain(..self.failures.len() - FAILURES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_ten_seconds_open_it_and_one_command_a_second_is_let_through() {
        let (mut state, begun) = (State::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        for n in 0..4 {
            state.failed(at(n * 2_000));
            assert!(state.lets_through(at(n * 2_000)));
        }
        state.failed(at(12_000));
        assert!(state.lets_through(at(12_000)), "the first one is too long ago");
        state.failed(at(12_001));
        state.failed(at(12_002));
        assert!(!state.lets_through(at(13_001)));
        assert!(state.lets_through(at(13_002)), "one of them");
        assert!(!state.lets_through(at(13_003)), "and no other meanwhile");
        state.failed(at(13_100));
        assert!(!state.lets_through(at(14_099)));
    }

    #[test]
    fn an_answer_closes_it() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed());
        assert!(!breaker.lets_through() && breaker.is_open());
        breaker.succeeded();
        assert!(breaker.lets_through() && !breaker.is_open());
    }
}
