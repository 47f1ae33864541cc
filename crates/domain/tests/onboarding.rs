//! The onboarding's status as a function of its facts, its lifecycle as a table, and the two together.

use chrono::{DateTime, TimeDelta, Utc};
use domain::onboarding::{Act, Announcement, OnboardingFacts, OnboardingStatus, ProfileOnboarding, Progress, SubscriptionFact};
use domain::subscription::SubscriptionState;
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000)
}

fn subscription(state: SubscriptionState, period_hours: i64, grace_hours: Option<i64>) -> SubscriptionFact {
    SubscriptionFact {
        state,
        period_end: now() + TimeDelta::hours(period_hours),
        grace_end: grace_hours.map(|hours| now() + TimeDelta::hours(hours)),
    }
}

/// Every subscription that matters: none, those that allow use, those that do not.
fn subscriptions() -> Vec<(Option<SubscriptionFact>, bool)> {
    use SubscriptionState::{Active, Canceled, Expired, PastDue, Paused, Trialing};
    vec![
        (None, false),
        (Some(subscription(Trialing, 1, None)), false),
        (Some(subscription(Active, 1, None)), false),
        (Some(subscription(PastDue, -1, Some(1))), false),
        (Some(subscription(PastDue, -72, Some(0))), true),
        (Some(subscription(Canceled, 1, None)), false),
        (Some(subscription(Canceled, 0, None)), true),
        (Some(subscription(Paused, 1, None)), true),
        (Some(subscription(Expired, -1, None)), true),
    ]
}

#[test]
fn the_status_follows_from_the_three_facts() {
    let of_progress = [
        (Progress::NotStarted, OnboardingStatus::Unlocked),
        (Progress::InProgress, OnboardingStatus::InProgress),
        (Progress::Finalizing, OnboardingStatus::Finalizing),
        (Progress::Completed, OnboardingStatus::Completed),
        (Progress::Reopened, OnboardingStatus::Reopened),
        (Progress::Archived, OnboardingStatus::Archived),
    ];
    assert_eq!(of_progress.len(), Progress::ALL.len());
    for (progress, open) in of_progress {
        for (subscription, lapsed) in subscriptions() {
            let expected = if lapsed { OnboardingStatus::Suspended } else { open };
            let facts = OnboardingFacts { unlocked: true, subscription, progress };
            assert_eq!(facts.status(now()), expected, "{facts:?}");
            let facts = OnboardingFacts { unlocked: false, ..facts };
            assert_eq!(facts.status(now()), OnboardingStatus::Locked, "{facts:?}");
        }
    }
}

#[test]
fn every_pair_of_progress_and_act_is_as_the_table_says() {
    use Progress::{Archived, Completed, Finalizing, InProgress, NotStarted, Reopened};
    // Edited, finalized, manifest generated, generation failed, archived.
    let table = [
        (NotStarted, [Some(InProgress), None, None, None, Some(Archived)]),
        (InProgress, [Some(InProgress), Some(Finalizing), Some(InProgress), Some(InProgress), Some(Archived)]),
        (Finalizing, [None, None, Some(Completed), Some(InProgress), None]),
        (Completed, [Some(Reopened), None, Some(Completed), Some(Completed), None]),
        (Reopened, [Some(Reopened), Some(Finalizing), Some(Reopened), Some(Reopened), None]),
        (Archived, [Some(InProgress), None, Some(Archived), Some(Archived), Some(Archived)]),
    ];
    assert_eq!(table.len(), Progress::ALL.len());
    for (from, row) in table {
        for (&act, expected) in Act::ALL.iter().zip(row) {
            assert_eq!(from.apply(act).ok(), expected, "{from} + {act}");
        }
    }
}

#[test]
fn the_lifecycle_has_these_changes_and_no_others() {
    use OnboardingStatus::{Archived, Completed, Finalizing, InProgress, Locked, Reopened, Suspended, Unlocked};
    let legal = [
        (Locked, Unlocked, Announcement::Unlocked),
        (Locked, Suspended, Announcement::Unlocked),
        (Unlocked, InProgress, Announcement::Progressed),
        (InProgress, Finalizing, Announcement::Finalized),
        (Finalizing, Completed, Announcement::Completed),
        (Finalizing, InProgress, Announcement::Progressed),
        (Completed, Reopened, Announcement::Reopened),
        (Reopened, Finalizing, Announcement::Finalized),
        (Unlocked, Suspended, Announcement::Suspended),
        (InProgress, Suspended, Announcement::Suspended),
        (Finalizing, Suspended, Announcement::Suspended),
        (Completed, Suspended, Announcement::Suspended),
        (Reopened, Suspended, Announcement::Suspended),
        (Archived, Suspended, Announcement::Suspended),
        (Suspended, Unlocked, Announcement::Resumed),
        (Suspended, InProgress, Announcement::Resumed),
        (Suspended, Finalizing, Announcement::Resumed),
        (Suspended, Completed, Announcement::Resumed),
        (Suspended, Reopened, Announcement::Resumed),
        (Unlocked, Archived, Announcement::Archived),
        (InProgress, Archived, Announcement::Archived),
        (Suspended, Archived, Announcement::Archived),
        (Archived, InProgress, Announcement::Progressed),
    ];
    for &from in OnboardingStatus::ALL {
        for &to in OnboardingStatus::ALL {
            let expected = if from == to {
                let counts_may_move = matches!(from, Unlocked | InProgress | Reopened);
                Ok(counts_may_move.then_some(Announcement::Progressed))
            } else {
                let row = legal.iter().find(|row| row.0 == from && row.1 == to);
                row.map(|row| Some(row.2)).ok_or(())
            };
            assert_eq!(from.announce(to).map_err(|_| ()), expected, "{from} to {to}");
        }
    }
}

#[test]
fn the_profile_mirrors_the_status_and_keeps_its_value_through_a_suspension() {
    let mirrored = [
        (OnboardingStatus::Locked, ProfileOnboarding::Pending),
        (OnboardingStatus::Unlocked, ProfileOnboarding::PaymentConfirmed),
        (OnboardingStatus::InProgress, ProfileOnboarding::InProgress),
        (OnboardingStatus::Finalizing, ProfileOnboarding::InProgress),
        (OnboardingStatus::Reopened, ProfileOnboarding::InProgress),
        (OnboardingStatus::Completed, ProfileOnboarding::Completed),
        (OnboardingStatus::Archived, ProfileOnboarding::Abandoned),
    ];
    assert_eq!(mirrored.len() + 1, OnboardingStatus::ALL.len());
    for &former in ProfileOnboarding::ALL {
        for (status, expected) in mirrored {
            assert_eq!(status.mirror(former), expected);
        }
        assert_eq!(OnboardingStatus::Suspended.mirror(former), former);
    }
}

proptest! {
    /// One fact changes at a time, as one event or one request does; the lifecycle must know every change of status that follows.
    #[test]
    fn no_history_of_facts_leaves_the_lifecycle(
        steps in prop::collection::vec(
            prop_oneof![
                prop::sample::select(Act::ALL).prop_map(Some),
                Just(None),
            ]
            .prop_flat_map(|act| (Just(act), prop::sample::select(subscriptions()))),
            0..60,
        ),
    ) {
        let mut facts = OnboardingFacts { unlocked: false, subscription: None, progress: Progress::NotStarted };
        let mut unlocks = 0;
        for (act, (subscription, lapsed)) in steps {
            let before = facts.status(now());
            match act {
                // Members act only on what is open to them; the manifest's news and the cleanup come regardless.
                Some(act @ (Act::Edited | Act::Finalized)) if !matches!(before, OnboardingStatus::Locked | OnboardingStatus::Suspended) => {
                    facts.progress = facts.progress.apply(act).unwrap_or(facts.progress);
                }
                Some(act) if facts.unlocked && !matches!(act, Act::Edited | Act::Finalized) => {
                    facts.progress = facts.progress.apply(act).unwrap_or(facts.progress);
                }
                Some(_) => {}
                None if facts.unlocked && subscription.is_some() => facts.subscription = subscription,
                None => {
                    facts.unlocked = true;
                    facts.subscription = facts.subscription.or(subscription.filter(|_| lapsed));
                }
            }
            let after = facts.status(now());
            let announced = before.announce(after);
            prop_assert!(announced.is_ok(), "{before} to {after}");
            unlocks += i32::from(announced == Ok(Some(Announcement::Unlocked)));
            prop_assert!(unlocks <= 1, "an unlock happens once");
            prop_assert_eq!(facts.unlocked, unlocks == 1);
        }
    }
}
