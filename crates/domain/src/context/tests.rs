use uuid::Uuid;

use super::*;

fn acme() -> BTreeMap<Slug, StepOutcome> {
    let answers: Sections = serde_json::from_str(include_str!("../../tests/fixtures/answers/acme.json")).unwrap();
    answers.into_iter().map(|(slug, answer)| (slug, outcome(answer))).collect()
}

fn outcome(answer: Value) -> StepOutcome {
    StepOutcome::Complete {
        answer,
        source: AnswerSource {
            revision: "1.3".to_owned(),
            answered_at: "2026-11-25T10:00:00.123456789Z".parse().unwrap(),
            answered_by: UserId::from_uuid(Uuid::from_u128(7)),
        },
    }
}

fn act() -> Finalization {
    Finalization {
        version: 1,
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(1)),
        at: "2026-11-25T11:00:00.123456789Z".parse().unwrap(),
        by: UserId::from_uuid(Uuid::from_u128(2)),
    }
}

fn slug(name: &str) -> Slug {
    name.parse().unwrap()
}

#[test]
fn the_same_answers_give_the_same_context() {
    let first = BusinessContext::build(act(), &acme()).unwrap();
    let second = BusinessContext::build(act(), &acme()).unwrap();
    assert_eq!(first.sha256().unwrap(), second.sha256().unwrap());
    assert_eq!(first.completion.percent, 100);
    assert_eq!(first.finalized_at.to_rfc3339(), "2026-11-25T11:00:00.123456+00:00");
    let read: BusinessContext = serde_json::from_slice(&first.canonical().unwrap()).unwrap();
    assert_eq!(read, first);
}

#[test]
fn another_act_changes_the_context_but_not_the_hash_of_the_answers() {
    let first = BusinessContext::build(act(), &acme()).unwrap();
    let later = Finalization { version: 2, at: act().at + chrono::TimeDelta::hours(1), ..act() };
    let second = BusinessContext::build(later, &acme()).unwrap();
    assert_ne!(first.sha256().unwrap(), second.sha256().unwrap());
    assert_eq!(first.answers_sha256().unwrap(), second.answers_sha256().unwrap());

    let mut changed = acme();
    changed.insert(slug("review"), outcome(json!({"confirmed": true, "notes": "other"})));
    let third = BusinessContext::build(later, &changed).unwrap();
    assert_ne!(second.answers_sha256().unwrap(), third.answers_sha256().unwrap());
}

#[test]
fn every_missing_step_is_listed_with_its_fields() {
    let mut outcomes = acme();
    outcomes.remove(&slug("pricing"));
    outcomes.insert(slug("goals"), StepOutcome::Skipped);
    outcomes.insert(slug("review"), outcome(json!({"confirmed": false})));
    outcomes.remove(&slug("evidence"));
    let Err(ContextError::Incomplete(steps)) = BusinessContext::build(act(), &outcomes) else {
        panic!("three steps are not complete");
    };
    let places: Vec<_> = steps.iter().map(|step| (step.step.as_str(), step.errors.first().map(|error| error.pointer.as_str()))).collect();
    assert_eq!(places, [("pricing", Some("/pricing_strategy")), ("goals", Some("/short_term_goals")), ("review", Some("/confirmed")),]);
}

#[test]
fn optional_steps_may_be_skipped_or_left_alone() {
    let mut outcomes = acme();
    outcomes.insert(slug("evidence"), StepOutcome::Skipped);
    outcomes.remove(&slug("soundbites"));
    let context = BusinessContext::build(act(), &outcomes).unwrap();
    assert_eq!(context.completion.skipped, [slug("evidence")]);
    assert_eq!(context.completion.complete.len(), 21);
    assert_eq!(context.completion.percent, 95);
    assert!(!context.sections.contains_key(&slug("evidence")));
    assert!(!context.provenance.contains_key(&slug("soundbites")));
}

#[test]
fn what_passes_the_check_of_every_save_always_fits_a_context() {
    let maximal: Sections = serde_json::from_str(include_str!("../../tests/fixtures/answers/maximal.json")).unwrap();
    let sections = check_size(&maximal).unwrap();
    let outcomes = maximal.into_iter().map(|(slug, answer)| (slug, outcome(answer))).collect();
    let act = Finalization { version: u64::from(u32::MAX), ..act() };
    let mut context = BusinessContext::build(act, &outcomes).unwrap();
    for source in context.provenance.values_mut() {
        source.revision = "9".repeat(40);
    }
    let around = context.canonical().unwrap().len() - sections;
    assert!(around <= ENVELOPE_BYTES, "{around} bytes around the sections");
}

#[test]
fn answers_beyond_the_limit_are_refused_with_the_sizes() {
    let filler = "x".repeat(MAX_CONTEXT_BYTES - ENVELOPE_BYTES);
    let sections = Sections::from([(slug("review"), json!({ "notes": filler }))]);
    assert!(matches!(
        check_size(&sections),
        Err(ContextError::TooLarge { size, limit }) if size > limit
    ));
}
