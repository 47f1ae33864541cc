//! Histories of payments, lapses, pauses, plan changes and clock jumps: no period is paid twice, and no paid day is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    plan::{Cycle, PlanCode},
    subscription::{
        SubscriptionState, Term,
        term::{GRACE, Happening, NotAllowed, Use},
    },
};
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn start() -> DateTime<Utc> {
    at("2026-11-28T10:00:00Z")
}

/// Everything that is due at `now`.
fn settle(mut term: Term, now: DateTime<Utc>) -> (Term, Vec<Happening>) {
    let mut happened = Vec::new();
    while let Some((next, happening)) = term.advance(now) {
        happened.push(happening);
        term = next;
        assert!(happened.len() < 50, "time never comes to rest: {term:?}");
    }
    (term, happened)
}

fn entitled(term: &Term, now: DateTime<Utc>) -> bool {
    term.status.entitled(now, term.period_end, term.grace_end)
}

#[test]
fn an_unpaid_period_has_three_days_of_grace_and_then_ends() {
    let term = Term::first(PlanCode::Ascent, Cycle::Monthly, start());
    assert_eq!(term.period_end, at("2026-12-28T10:00:00Z"));
    assert_eq!(term.due_at(), Some(at("2026-12-25T10:00:00Z")));
    let (term, happened) = settle(term, at("2026-12-25T10:00:00Z"));
    assert_eq!(happened, [Happening::Reminder { days: 3 }]);
    let (late, happened) = settle(term, term.period_end);
    assert_eq!(
        (late.status, late.grace_end, happened),
        (SubscriptionState::PastDue, Some(term.period_end + GRACE), vec![Happening::PastDue])
    );
    assert!(entitled(&late, term.period_end + GRACE - TimeDelta::seconds(1)));
    let (over, happened) = settle(late, term.period_end + GRACE);
    assert_eq!((over.status, happened), (SubscriptionState::Expired, vec![Happening::Expired]));
    assert_eq!(over.due_at(), None);
}

#[test]
fn a_payment_in_the_grace_pays_from_the_end_of_the_last_period_and_one_after_it_from_now() {
    let term = Term::first(PlanCode::Ascent, Cycle::Monthly, start());
    let (late, _) = settle(term, term.period_end + TimeDelta::days(2));
    let now = term.period_end + TimeDelta::days(2);
    let (paid, used) = late.pay(PlanCode::Glide, Cycle::Monthly, now, now).unwrap();
    assert_eq!((paid.period_start, used, paid.plan), (term.period_end, Use::Renewed, PlanCode::Glide));
    let now = term.period_end + TimeDelta::days(4);
    let (over, _) = settle(term, now);
    let (paid, used) = over.pay(PlanCode::Ascent, Cycle::Monthly, now, now).unwrap();
    assert_eq!((paid.period_start, used), (now, Use::Activated));
}

#[test]
fn the_next_period_can_be_paid_when_the_end_is_near_and_only_once() {
    let term = Term::first(PlanCode::Ascent, Cycle::Yearly, start());
    let early = term.period_end - TimeDelta::days(46);
    assert_eq!((term.payable(early), term.pay(PlanCode::Ascent, Cycle::Yearly, early, early)), (false, None));
    let near = term.period_end - TimeDelta::days(20);
    let (prepaid, used) = term.pay(PlanCode::Soar, Cycle::Monthly, near, near).unwrap();
    assert_eq!((prepaid.plan, prepaid.period_end, used), (PlanCode::Ascent, term.period_end, Use::Prepaid));
    assert_eq!((prepaid.payable(near), prepaid.pay(PlanCode::Soar, Cycle::Monthly, near, near)), (false, None));
    assert_eq!(prepaid.choose(PlanCode::Glide, Cycle::Monthly), Err(NotAllowed(SubscriptionState::Active)));
    let (next, happened) = settle(prepaid, term.period_end);
    assert_eq!((next.plan, next.period_start, next.period_end), (PlanCode::Soar, term.period_end, at("2027-12-28T10:00:00Z")));
    assert_eq!(happened, [Happening::Renewed]);
}

#[test]
fn a_cancellation_ends_with_the_period_and_can_be_taken_back_until_then() {
    let term = Term::first(PlanCode::Ascent, Cycle::Monthly, start());
    let now = start() + TimeDelta::days(5);
    let canceled = term.cancel(now, false).unwrap();
    assert!(entitled(&canceled, term.period_end - TimeDelta::seconds(1)) && !entitled(&canceled, term.period_end));
    assert_eq!(canceled.cancel(now, false), Err(NotAllowed(SubscriptionState::Canceled)));
    assert_eq!(canceled.keep(now).unwrap().status, SubscriptionState::Active);
    assert!(canceled.keep(term.period_end).is_err());
    let at_once = canceled.cancel(now, true).unwrap();
    assert!(!entitled(&at_once, now));
    assert_eq!(settle(at_once, now).1, [Happening::Expired]);
}

#[test]
fn a_trial_ends_by_itself_and_what_is_left_of_it_is_added_to_what_is_paid() {
    let trial = Term::trial(PlanCode::Glide, Cycle::Monthly, start(), TimeDelta::days(14));
    assert_eq!(settle(trial, start() + TimeDelta::days(12)).1, [Happening::Reminder { days: 2 }]);
    assert_eq!(settle(trial, trial.period_end).0.status, SubscriptionState::Expired);
    let now = start() + TimeDelta::days(4);
    let (paid, used) = trial.pay(PlanCode::Glide, Cycle::Monthly, now, now).unwrap();
    assert_eq!((paid.status, paid.period_end, used), (SubscriptionState::Active, trial.period_end, Use::Prepaid));
    assert_eq!(paid.refund_next(), trial);
    assert_eq!(paid.pay(PlanCode::Glide, Cycle::Monthly, now, now), None);
    let (first, happened) = settle(paid, trial.period_end);
    assert_eq!((first.period_start, first.period_end), (trial.period_end, at("2027-01-12T10:00:00Z")));
    assert_eq!(happened, [Happening::Renewed]);
}

#[test]
fn a_chosen_plan_is_what_the_renewal_pays_for_and_choosing_the_present_one_takes_it_back() {
    let term = Term::first(PlanCode::Glide, Cycle::Monthly, start());
    let chosen = term.choose(PlanCode::Ascent, Cycle::Yearly).unwrap();
    assert_eq!((chosen.plan, chosen.renewal()), (PlanCode::Glide, (PlanCode::Ascent, Cycle::Yearly)));
    assert_eq!(chosen.choose(PlanCode::Glide, Cycle::Monthly), Ok(term));
}

#[test]
fn giving_a_payment_back_ends_its_period_and_no_other() {
    let term = Term::first(PlanCode::Ascent, Cycle::Monthly, start());
    let near = term.period_end - TimeDelta::days(3);
    let (prepaid, _) = term.pay(PlanCode::Glide, Cycle::Monthly, near, near).unwrap();
    let next = prepaid.refund(near).unwrap();
    assert_eq!((next.status, next.plan, next.period_start), (SubscriptionState::Active, PlanCode::Glide, near));
    assert_eq!(prepaid.refund_next(), Term { reminded: 0, ..term });
    assert_eq!(term.refund(near).unwrap().status, SubscriptionState::Expired);
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Jump { hours: i64 },
    Pay { plan: PlanCode, cycle: Cycle, ordered_hours_ago: i64 },
    Cancel { at_once: bool },
    Keep,
    Choose { plan: PlanCode, cycle: Cycle },
    Pause,
    Resume,
    Refund,
}

fn act() -> impl Strategy<Value = Act> {
    let plan = || prop::sample::select(PlanCode::ALL);
    let cycle = || prop::sample::select(Cycle::ALL);
    prop_oneof![
        4 => prop_oneof![0_i64..100, 0_i64..2_000, 0_i64..20_000].prop_map(|hours| Act::Jump { hours }),
        4 => (plan(), cycle(), prop_oneof![Just(0_i64), 0_i64..100])
            .prop_map(|(plan, cycle, ordered_hours_ago)| Act::Pay { plan, cycle, ordered_hours_ago }),
        1 => any::<bool>().prop_map(|at_once| Act::Cancel { at_once }),
        1 => Just(Act::Keep),
        1 => (plan(), cycle()).prop_map(|(plan, cycle)| Act::Choose { plan, cycle }),
        1 => Just(Act::Pause),
        1 => Just(Act::Resume),
        1 => Just(Act::Refund),
    ]
}

/// A period that was paid, until something cut it short.
#[derive(Debug, Clone, Copy)]
struct Paid {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn no_history_charges_twice_for_a_period_or_loses_a_paid_day(trial in any::<bool>(), acts in prop::collection::vec(act(), 1..40)) {
        let mut now = start();
        let mut term = if trial {
            Term::trial(PlanCode::Ascent, Cycle::Monthly, now, TimeDelta::days(14))
        } else {
            Term::first(PlanCode::Ascent, Cycle::Monthly, now)
        };
        let mut paid = if trial { Vec::new() } else { vec![Paid { from: term.period_start, to: term.period_end }] };
        // How many payments were accepted, and how many became periods.
        let (mut accepted, mut waiting) = (paid.len(), 0);
        for act in acts {
            let before = term;
            match act {
                Act::Jump { hours } => now += TimeDelta::hours(hours),
                Act::Pay { plan, cycle, ordered_hours_ago } => {
                    let ordered_at = now - TimeDelta::hours(ordered_hours_ago);
                    if let Some((next, used)) = term.pay(plan, cycle, ordered_at, now) {
                        accepted += 1;
                        term = next;
                        if used == Use::Prepaid {
                            waiting += 1;
                            prop_assert_eq!((term.plan, term.period_end), (before.plan, before.period_end));
                            prop_assert_eq!(term.status, SubscriptionState::Active);
                        } else {
                            paid.push(Paid { from: term.period_start, to: term.period_end });
                            prop_assert_eq!((term.plan, term.cycle, term.status), (plan, cycle, SubscriptionState::Active));
                        }
                    } else {
                        prop_assert!(now < before.period_end, "refused although nothing is paid: {:?}", before);
                    }
                }
                Act::Cancel { at_once } => {
                    if let Ok(canceled) = term.cancel(now, at_once) {
                        term = canceled;
                        if at_once {
                            waiting = 0;
                            for period in &mut paid {
                                period.to = period.to.min(now);
                            }
                        }
                    }
                }
                Act::Keep => term = term.keep(now).unwrap_or(term),
                Act::Choose { plan, cycle } => {
                    term = term.choose(plan, cycle).unwrap_or(term);
                    prop_assert_eq!((term.period_start, term.period_end, term.status), (before.period_start, before.period_end, before.status));
                }
                Act::Pause => term = term.pause().unwrap_or(term),
                Act::Resume => term = term.resume().unwrap_or(term),
                Act::Refund => {
                    if term.paid && let Ok(refunded) = term.refund(now) {
                        if let Some(period) = paid.last_mut() {
                            period.to = period.to.min(now);
                        }
                        if refunded.status != SubscriptionState::Expired {
                            waiting -= 1;
                            paid.push(Paid { from: refunded.period_start, to: refunded.period_end });
                        }
                        term = refunded;
                    }
                }
            }
            while let Some((next, happening)) = term.advance(now) {
                if happening == Happening::Renewed {
                    waiting -= 1;
                    paid.push(Paid { from: next.period_start, to: next.period_end });
                }
                term = next;
            }
            // A state that may be: the grace runs while past due, and only then.
            prop_assert_eq!(term.grace_end.is_some(), term.status == SubscriptionState::PastDue, "{:?}", term);
            prop_assert!(term.period_start <= term.period_end);
            prop_assert!(term.due_at().is_none_or(|due| due > now), "something is left undone: {:?}", term);
            // Every accepted payment is one period, and no two overlap.
            prop_assert!(waiting == i32::from(term.next.is_some_and(|next| next.paid)));
            prop_assert!(paid.len() <= accepted);
            for pair in paid.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from, "paid twice: {:?}", pair);
            }
            // What is paid for can be used, unless its payer paused it.
            let covered = paid.iter().any(|period| period.from <= now && now < period.to);
            if covered && term.status != SubscriptionState::Paused {
                prop_assert!(entitled(&term, now), "a paid day is lost: {:?} at {}", term, now);
            }
        }
    }
}
