//! The order machine: a table of every pair, and properties over arbitrary histories.

use domain::order::Evidence::{PayAnswer, StatusApi, Webhook};
use domain::order::OrderEvent::{
    Abandoned, Accepted, Expired as TimeOver, Failed as Refused, Mismatched, Paid, RefundCompleted, RefundFailed, RefundRequested,
    Rejected, Submitted,
};
use domain::order::OrderState::{Completed, Created, Expired, Failed, PartiallyRefunded, Pending, Quarantined, RefundPending, Refunded};
use domain::order::{OrderEvent, OrderState};
use proptest::prelude::*;

fn every_event() -> Vec<OrderEvent> {
    let mut events = vec![Submitted, TimeOver, Abandoned, Mismatched, Accepted, Rejected, RefundRequested];
    events.extend([StatusApi, PayAnswer, Webhook].map(Paid));
    events.extend([StatusApi, PayAnswer, Webhook].map(Refused));
    events.extend([true, false].map(|full| RefundCompleted { full }));
    events.extend(OrderState::ALL.iter().map(|&requested_in| RefundFailed { requested_in }));
    events
}

/// Every legal move; what is not here is refused.
const LEGAL: &[(OrderState, OrderEvent, OrderState)] = &[
    (Created, Submitted, Pending),
    (Created, Paid(StatusApi), Completed),
    (Created, Refused(PayAnswer), Failed),
    (Created, Refused(StatusApi), Failed),
    (Created, TimeOver, Expired),
    (Created, Abandoned, Expired),
    (Created, Mismatched, Quarantined),
    (Pending, Submitted, Pending),
    (Pending, Paid(StatusApi), Completed),
    (Pending, Refused(PayAnswer), Failed),
    (Pending, Refused(StatusApi), Failed),
    (Pending, TimeOver, Expired),
    (Pending, Abandoned, Expired),
    (Pending, Mismatched, Quarantined),
    (Failed, Paid(StatusApi), Completed),
    (Failed, Refused(PayAnswer), Failed),
    (Failed, Refused(StatusApi), Failed),
    (Failed, TimeOver, Failed),
    (Failed, Mismatched, Quarantined),
    (Expired, Paid(StatusApi), Completed),
    (Expired, Refused(PayAnswer), Expired),
    (Expired, Refused(StatusApi), Expired),
    (Expired, TimeOver, Expired),
    (Expired, Mismatched, Quarantined),
    (Completed, Paid(StatusApi), Completed),
    (Completed, RefundRequested, RefundPending),
    (RefundPending, Paid(StatusApi), RefundPending),
    (RefundPending, RefundCompleted { full: true }, Refunded),
    (RefundPending, RefundCompleted { full: false }, PartiallyRefunded),
    (RefundPending, RefundFailed { requested_in: Completed }, Completed),
    (RefundPending, RefundFailed { requested_in: PartiallyRefunded }, PartiallyRefunded),
    (RefundPending, RefundFailed { requested_in: Quarantined }, Quarantined),
    (PartiallyRefunded, Paid(StatusApi), PartiallyRefunded),
    (PartiallyRefunded, RefundRequested, RefundPending),
    (Refunded, Paid(StatusApi), Refunded),
    (Quarantined, Mismatched, Quarantined),
    (Quarantined, Accepted, Completed),
    (Quarantined, Rejected, Failed),
    (Quarantined, RefundRequested, RefundPending),
];

#[test]
fn every_pair_of_state_and_event_is_as_the_table_says() {
    for &from in OrderState::ALL {
        for event in every_event() {
            let expected = LEGAL.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2);
            let found = from.apply(event);
            assert_eq!(found.ok(), expected, "{from} + {event:?}");
            if let Err(refusal) = found {
                assert_eq!((refusal.from, refusal.event), (from, event));
            }
        }
    }
}

#[test]
fn names_survive_sql_and_json() {
    for &state in OrderState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert!("paid".parse::<OrderState>().is_err());
}

/// The states before each event and after the last one, leaving out what was refused.
fn history(events: &[OrderEvent]) -> Vec<(OrderState, OrderEvent, OrderState)> {
    let mut state = Created;
    let mut moves = Vec::new();
    for &event in events {
        if let Ok(to) = state.apply(event) {
            moves.push((state, event, to));
            state = to;
        }
    }
    moves
}

fn took_money(state: OrderState) -> bool {
    matches!(state, Completed | RefundPending | PartiallyRefunded | Refunded)
}

proptest! {
    #[test]
    fn an_order_becomes_completed_only_on_the_word_of_the_status_api_or_an_operator(
        events in prop::collection::vec(prop::sample::select(every_event()), 0..40),
    ) {
        for (from, event, to) in history(&events) {
            if to == Completed && from != Completed {
                let restored = event == RefundFailed { requested_in: Completed };
                let decided = (from, event) == (Quarantined, Accepted);
                prop_assert!(event == Paid(StatusApi) || decided || (restored && from == RefundPending));
            }
        }
    }

    #[test]
    fn an_order_that_took_money_is_never_again_unpaid_unless_an_operator_says_that_it_did_not(
        events in prop::collection::vec(prop::sample::select(every_event()), 0..40),
    ) {
        let mut paid = false;
        for (from, event, to) in history(&events) {
            paid &= (from, event) != (Quarantined, Rejected);
            prop_assert!(!paid || took_money(to) || to == Quarantined, "{to}");
            prop_assert!(!paid || !to.is_open());
            paid |= took_money(to);
        }
    }

    #[test]
    fn a_settled_order_never_opens_again_and_a_refunded_one_never_moves(
        events in prop::collection::vec(prop::sample::select(every_event()), 0..40),
    ) {
        let mut settled = false;
        for (from, _, to) in history(&events) {
            prop_assert!(!(settled && to.is_open()));
            prop_assert!(from != Refunded || to == Refunded);
            settled |= to.is_settled();
        }
    }

    #[test]
    fn webhooks_alone_move_nothing(
        before in prop::collection::vec(prop::sample::select(every_event()), 0..20),
        hints in prop::collection::vec(prop::sample::select(vec![Paid(Webhook), Refused(Webhook)]), 1..10),
    ) {
        let state = history(&before).last().map_or(Created, |last| last.2);
        for hint in hints {
            prop_assert!(state.apply(hint).is_err());
        }
    }

    #[test]
    fn the_same_news_twice_is_the_same_as_once(
        before in prop::collection::vec(prop::sample::select(every_event()), 0..20),
        news in prop::sample::select(vec![Submitted, Paid(StatusApi), Refused(StatusApi), TimeOver, Mismatched]),
    ) {
        let state = history(&before).last().map_or(Created, |last| last.2);
        if let Ok(once) = state.apply(news) {
            prop_assert_eq!(once.apply(news), Ok(once));
        }
    }
}
