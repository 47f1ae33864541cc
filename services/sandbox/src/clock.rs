//! The sandbox's time: the configured clock, and by how much it was moved.

use std::{sync::atomic::Ordering, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::state::{ControlError, Sandbox};

impl Sandbox {
    /// The sandbox's time. Everything in it that has a date goes by this; only the pauses on a webhook's way
    /// (`delay_ms`, tries after a refusal, reordering) and a hanging answer are waited for in real time.
    pub fn now(&self) -> DateTime<Utc> {
        self.config().clock.now() + self.clock_moved_by()
    }

    /// By how much the clock was moved since the start or the last reset.
    pub fn clock_moved_by(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.moved_ms().load(Ordering::SeqCst))
    }

    /// Moves the clock forwards, and does at once what falls due by that: orders and mandates expire, debits begin.
    pub fn advance_clock(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.moved_ms().fetch_add(by, Ordering::SeqCst);
        self.catch_up();
    }

    /// As [`Self::advance_clock`], to an instant.
    ///
    /// # Errors
    /// When that instant is over.
    pub fn set_clock(&self, to: DateTime<Utc>) -> Result<(), ControlError> {
        let by = (to - self.now()).to_std().map_err(|_| ControlError::BackInTime)?;
        self.advance_clock(by);
        Ok(())
    }

    /// Does what is due. It happens by itself a few times a second; a test that moves a clock of its own need not wait.
    pub fn catch_up(&self) {
        // A debit whose hour came before its order's end is made, even if the clock jumped over both.
        self.debit_what_is_due();
        self.expire_mandates();
        self.expire_orders();
        self.pay_late();
    }
}
