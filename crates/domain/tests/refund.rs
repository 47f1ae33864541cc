//! The state machine of refunds, by every history.

use domain::refund::{IllegalTransition, RefundNews, RefundState};
use proptest::prelude::*;

#[test]
fn a_refund_goes_forward_to_one_end() {
    use RefundNews::{Accepted, Completed, Confirmed, Failed, Unanswered};
    let reached = |news: &[RefundNews]| news.iter().try_fold(RefundState::Created, |state, news| state.apply(*news));
    assert_eq!(reached(&[Accepted, Confirmed, Completed]), Ok(RefundState::Completed));
    assert_eq!(reached(&[Unanswered, Accepted, Failed]), Ok(RefundState::Failed));
    assert_eq!(reached(&[Unanswered, Completed]), Ok(RefundState::Completed));
    // Late and repeated.
    assert_eq!(reached(&[Confirmed, Accepted]), Ok(RefundState::Confirmed));
    assert_eq!(reached(&[Completed, Confirmed, Completed, Unanswered]), Ok(RefundState::Completed));
    assert_eq!(reached(&[Failed, Completed]), Err(IllegalTransition { from: RefundState::Failed, news: Completed }));
}

fn news() -> impl Strategy<Value = RefundNews> {
    prop::sample::select(RefundNews::ALL)
}

proptest! {
    #[test]
    fn an_end_stays_and_says_what_was_said_first(history in prop::collection::vec(news(), 0..20)) {
        let mut state = RefundState::Created;
        for news in &history {
            let next = state.apply(*news).unwrap_or(state);
            prop_assert!(state.is_open() || next == state, "{state} became {next}");
            prop_assert!(next >= state, "{state} went back to {next}");
            state = next;
        }
        let ends = history.iter().find(|news| matches!(news, RefundNews::Completed | RefundNews::Failed));
        let expected = ends.map(|end| if *end == RefundNews::Completed { RefundState::Completed } else { RefundState::Failed });
        prop_assert_eq!(expected, (!state.is_open()).then_some(state));
    }
}
