//! Answers to all steps: generated ones, and the fixtures.

use domain::{
    answer::{Mode, check},
    context::Sections,
    step::{Definition, STEP_COUNT, Step},
};
use proptest::prelude::*;

use crate::generated::{self, THIS_YEAR};

#[test]
fn every_fixture_answers_every_step_completely_and_validly_against_its_schema() {
    for fixture in [
        include_str!("../fixtures/answers/acme.json"),
        include_str!("../fixtures/answers/sahayak.json"),
        include_str!("../fixtures/answers/maximal.json"),
    ] {
        let answers: Sections = serde_json::from_str(fixture).unwrap();
        assert_eq!(answers.len(), STEP_COUNT);
        for (slug, answer) in answers {
            let normal = check(slug.step(), &answer, Mode::Complete, THIS_YEAR).map(|checked| checked.answer);
            assert_eq!(normal.as_ref(), Ok(&answer), "{slug} is not in its normal form");
            let schema = jsonschema::validator_for(&slug.step().json_schema()).unwrap();
            assert!(schema.is_valid(&answer), "{slug}");
        }
    }
}

fn step(index: usize) -> &'static Step {
    Definition::current().steps.get(index).unwrap()
}

fn any_answer() -> impl Strategy<Value = (usize, serde_json::Value)> {
    (0..STEP_COUNT).prop_flat_map(|index| (Just(index), generated::answer(step(index))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn checking_a_checked_answer_changes_nothing((index, answer) in any_answer()) {
        let step = step(index);
        for mode in [Mode::Draft, Mode::Complete] {
            if let Ok(checked) = check(step, &answer, mode, THIS_YEAR) {
                prop_assert_eq!(check(step, &checked.answer, mode, THIS_YEAR), Ok(checked));
            }
        }
    }

    #[test]
    fn what_is_complete_is_also_a_valid_draft_that_says_so((index, answer) in any_answer()) {
        let step = step(index);
        let draft = check(step, &answer, Mode::Draft, THIS_YEAR);
        match check(step, &answer, Mode::Complete, THIS_YEAR) {
            Ok(complete) => prop_assert!(complete.complete && draft == Ok(complete)),
            Err(_) => prop_assert!(draft.is_err() || draft.is_ok_and(|draft| !draft.complete)),
        }
    }
}
