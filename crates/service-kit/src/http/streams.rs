//! How many event streams may be open at once: a stream costs a connection for as long as its reader likes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{ErrorCode, ids::UserId};
use prometheus::IntGauge;

use super::problem::Problem;
use crate::config::HttpConfig;

/// The open event streams of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventStreams(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    of_all: usize,
    of_one: usize,
    open: Mutex<HashMap<UserId, usize>>,
    gauge: IntGauge,
}

/// The right to one stream; it ends when the value is dropped.
#[derive(Debug)]
pub struct StreamSlot {
    bounds: Arc<Bounds>,
    user: UserId,
}

impl EventStreams {
    pub(crate) fn new(config: &HttpConfig, gauge: IntGauge) -> Self {
        let (of_all, of_one) = (config.event_streams, config.event_streams_per_user);
        Self(Arc::new(Bounds { of_all, of_one, open: Mutex::default(), gauge }))
    }

    /// Takes a slot for a stream of the user.
    ///
    /// # Errors
    /// 429 when the user has as many as one may have, 503 when the process has as many as it bears.
    pub fn open(&self, user: UserId) -> Result<StreamSlot, Problem> {
        let mut open = self.0.lock();
        let (all, own) = (open.values().sum::<usize>(), open.get(&user).copied().unwrap_or_default());
        if own >= self.0.of_one {
            let detail = format!("{own} event streams of yours are open; close one first");
            return Err(Problem::new(ErrorCode::RateLimited).detail(detail).retry_after(15));
        }
        if all >= self.0.of_all {
            return Err(Problem::new(ErrorCode::ServiceUnavailable).detail("too many event streams are open").retry_after(15));
        }
        open.insert(user, own + 1);
        self.0.gauge.inc();
        Ok(StreamSlot { bounds: self.0.clone(), user })
    }
}

impl Bounds {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.bounds.lock();
        if let Some(own) = open.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.user);
            }
        }
        self.bounds.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_user_and_the_process_have_a_bound_and_a_closed_stream_makes_room() {
        let gauge = IntGauge::new("open", "open").unwrap();
        let streams = EventStreams(Arc::new(Bounds { of_all: 3, of_one: 2, open: Mutex::default(), gauge: gauge.clone() }));
        let [one, two, three] = [1, 2, 3].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
        let first = streams.open(one).unwrap();
        let _second = streams.open(one).unwrap();
        assert_eq!(streams.open(one).unwrap_err().code(), ErrorCode::RateLimited);
        let _third = streams.open(two).unwrap();
        assert_eq!(streams.open(three).unwrap_err().code(), ErrorCode::ServiceUnavailable);
        assert_eq!(gauge.get(), 3);
        drop(first);
        let _fourth = streams.open(one).unwrap();
        assert_eq!(gauge.get(), 3);
    }
}
