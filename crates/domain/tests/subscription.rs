//! The subscription machine: a table of every pair, entitlement at the edges, and properties over histories.

use chrono::{DateTime, TimeDelta, Utc};
use domain::subscription::SubscriptionState::{Active, Canceled, Expired, PastDue, Paused, Trialing};
use domain::subscription::{Change, SubscriptionState};
use proptest::prelude::*;

/// Columns in the order of `Change::ALL`: paid, renewal failed, paused, resumed, canceled, period ended, grace ended, refunded,
/// kept.
type Row = (SubscriptionState, [Option<SubscriptionState>; 9]);

const TABLE: &[Row] = &[
    (Trialing, [Some(Active), None, None, None, Some(Canceled), Some(Expired), None, None, None]),
    (Active, [Some(Active), Some(PastDue), Some(Paused), None, Some(Canceled), Some(PastDue), None, Some(Expired), None]),
    (PastDue, [Some(Active), Some(PastDue), Some(Paused), None, Some(Canceled), None, Some(Expired), Some(Expired), None]),
    (Paused, [Some(Active), None, None, Some(Active), Some(Canceled), Some(Expired), None, Some(Expired), None]),
    (Canceled, [Some(Active), None, None, None, None, Some(Expired), None, Some(Expired), Some(Active)]),
    (Expired, [Some(Active), None, None, None, None, None, None, None, None]),
];

#[test]
fn every_pair_of_state_and_change_is_as_the_table_says() {
    assert_eq!(TABLE.len(), SubscriptionState::ALL.len());
    for (from, row) in TABLE {
        for (&change, &expected) in Change::ALL.iter().zip(row) {
            let found = from.apply(change);
            assert_eq!(found.ok(), expected, "{from} + {change}");
            if let Err(refusal) = found {
                assert_eq!((refusal.from, refusal.change), (*from, change));
            }
        }
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

#[test]
fn access_ends_at_the_very_instant_that_is_named() {
    let entitled = |state: SubscriptionState, now, grace| state.entitled(at(now), at(0), grace);
    let grace = Some(at(259_200));

    assert!(entitled(Canceled, -1, None));
    assert!(!entitled(Canceled, 0, None));
    assert!(!entitled(Canceled, 0, grace), "a canceled subscription has no grace");

    assert!(entitled(PastDue, 0, grace));
    assert!(entitled(PastDue, 259_199, grace));
    assert!(!entitled(PastDue, 259_200, grace));
    assert!(!entitled(PastDue, -1, None), "past due without a grace allows nothing");

    assert!(entitled(Active, 1, None), "a late renewal cuts nobody off");
    assert!(entitled(Trialing, 1, None));
    assert!(!entitled(Paused, -1, grace));
    assert!(!entitled(Expired, -1, grace));
}

proptest! {
    #[test]
    fn only_a_payment_brings_an_expired_subscription_back(
        start in prop::sample::select(SubscriptionState::ALL),
        changes in prop::collection::vec(prop::sample::select(Change::ALL), 0..40),
    ) {
        let mut state = start;
        for change in changes {
            if let Ok(to) = state.apply(change) {
                if state == Expired {
                    prop_assert_eq!((change, to), (Change::Paid, Active));
                }
                if to == Active && state != Active {
                    prop_assert!(matches!(change, Change::Paid | Change::Resumed | Change::Kept));
                }
                prop_assert!(to != Trialing, "a trial is begun once, never returned to");
                state = to;
            }
        }
    }

    #[test]
    fn a_payment_is_always_accepted_and_always_entitles(
        start in prop::sample::select(SubscriptionState::ALL),
        changes in prop::collection::vec(prop::sample::select(Change::ALL), 0..40),
        now in -1_000_000_i64..1_000_000,
    ) {
        let state = changes.into_iter().fold(start, |state, change| state.apply(change).unwrap_or(state));
        let paid = state.apply(Change::Paid);
        prop_assert_eq!(paid, Ok(Active));
        prop_assert!(Active.entitled(at(now), at(0), None));
    }

    #[test]
    fn access_once_ended_does_not_come_back_by_itself(
        state in prop::sample::select(SubscriptionState::ALL),
        first in -500_000_i64..500_000,
        later in 0_i64..500_000,
        grace in prop::option::of(0_i64..300_000),
    ) {
        let entitled = |now| state.entitled(at(now), at(0), grace.map(at));
        prop_assert!(entitled(first) || !entitled(first + later));
    }
}
