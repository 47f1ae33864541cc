//! When the provider is asked about an order: PhonePe's mandatory reconciliation schedule, as data.

use chrono::{DateTime, TimeDelta, Utc};

/// The first check, after the order was made.
pub const FIRST_CHECK: TimeDelta = TimeDelta::seconds(20);

/// `(every, for)` in seconds, one after the other, from the first check on.
const STEPS: [(i64, i64); 4] = [(3, 30), (6, 60), (10, 60), (30, 60)];
/// After the steps, until the order can no longer be paid.
const THEN_EVERY_S: i64 = 60;
/// A bank may authorise late: expired orders are looked at this often …
const TAIL_EVERY_S: i64 = 3600;
/// … for this long.
const TAIL: TimeDelta = TimeDelta::days(3);

/// The first scheduled check after `now` of an order made at `made_at` that can be paid until `expires_at`; `None` when
/// none is left.
pub fn next_check(made_at: DateTime<Utc>, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if now < expires_at {
        // The check at the expiry itself is the one that lets an unpaid order expire.
        return Some(on_schedule(made_at, now).min(expires_at));
    }
    let next = expires_at + every(TAIL_EVERY_S, now - expires_at);
    (next <= expires_at + TAIL).then_some(next)
}

fn on_schedule(made_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let mut begin = made_at + FIRST_CHECK;
    if now < begin {
        return begin;
    }
    for (interval_s, length_s) in STEPS {
        let length = TimeDelta::seconds(length_s);
        if now - begin < length {
            return begin + every(interval_s, now - begin);
        }
        begin += length;
    }
    begin + every(THEN_EVERY_S, now - begin)
}

/// The first multiple of `interval_s` seconds that is longer than `elapsed`.
fn every(interval_s: i64, elapsed: TimeDelta) -> TimeDelta {
    TimeDelta::seconds((elapsed.num_seconds() / interval_s + 1) * interval_s)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPIRES_S: i64 = 1200;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// The offsets of all checks of an order that is never paid.
    fn offsets() -> Vec<i64> {
        let mut offsets = Vec::new();
        let mut now = at(0);
        while let Some(next) = next_check(at(0), at(EXPIRES_S), now) {
            offsets.push((next - at(0)).num_seconds());
            now = next;
        }
        offsets
    }

    #[test]
    fn the_checks_are_those_that_phonepe_demands() {
        let expected: Vec<i64> = (20..=50)
            .step_by(3)
            .chain((56..=110).step_by(6))
            .chain((120..=170).step_by(10))
            .chain([200, 230])
            .chain((290..EXPIRES_S).step_by(60))
            .chain([EXPIRES_S])
            .collect();
        let until_expiry: Vec<i64> = offsets().into_iter().filter(|offset| *offset <= EXPIRES_S).collect();
        assert_eq!(until_expiry, expected);
    }

    #[test]
    fn an_expired_order_is_looked_at_every_hour_for_three_days() {
        let tail: Vec<i64> = offsets().into_iter().filter(|offset| *offset > EXPIRES_S).collect();
        assert_eq!(tail.len(), 72);
        assert!(tail.windows(2).all(|pair| pair[1] - pair[0] == TAIL_EVERY_S));
        assert_eq!(tail.last(), Some(&(EXPIRES_S + 3 * 86_400)));
    }

    proptest! {
        #[test]
        fn the_next_check_always_lies_ahead_and_within_an_hour(now_ms in 0_i64..300_000_000) {
            let now = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(now_ms);
            if let Some(next) = next_check(at(0), at(EXPIRES_S), now) {
                prop_assert!(next > now);
                prop_assert!(next - now <= TimeDelta::hours(1));
            } else {
                prop_assert!(now >= at(EXPIRES_S) + TAIL);
            }
        }
    }
}
