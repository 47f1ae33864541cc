//! The properties of the reducer, on the fixtures and on generated contexts.

use std::collections::BTreeSet;

use domain::{
    canonical,
    context::{BusinessContext, Sections},
    manifest::TrimAction,
    reduce::{Encoding, Policy, Reduced, reduce},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::generated;

const FIXTURES: [(&str, &str); 3] = [
    ("acme", include_str!("../fixtures/answers/acme.json")),
    ("sahayak", include_str!("../fixtures/answers/sahayak.json")),
    ("maximal", include_str!("../fixtures/answers/maximal.json")),
];

fn fixture(text: &str) -> BusinessContext {
    generated::context(serde_json::from_str::<Sections>(text).unwrap()).unwrap()
}

fn policy(budget: u32) -> Policy {
    Policy::new(budget, Encoding::Cl100k).unwrap()
}

fn reduced(context: &BusinessContext, budget: u32) -> Reduced {
    reduce(context, policy(budget)).unwrap()
}

fn leaves(value: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            assert!(!members.is_empty(), "{pointer} is empty");
            for (key, member) in members {
                leaves(member, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            assert!(!items.is_empty(), "{pointer} is empty");
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{pointer}/{index}"), found);
            }
        }
        leaf => {
            assert!(leaf != "" && !leaf.is_null(), "{pointer} is empty");
            found.insert(pointer.to_owned());
        }
    }
}

pub fn leaves_of(reduced: &Reduced) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    leaves(&serde_json::from_slice(&reduced.bytes).unwrap(), "", &mut found);
    found
}

/// What holds for every context and policy.
pub fn check_invariants(context: &BusinessContext, policy: Policy) -> Reduced {
    let (budget, reduced) = (policy.budget(), reduce(context, policy).unwrap());
    let meta = &reduced.meta;
    let text = std::str::from_utf8(&reduced.bytes).unwrap();

    assert_eq!(meta.token_count, policy.encoding().count(text), "the count is not exact");
    assert!(meta.token_count <= budget, "{} of {budget} tokens", meta.token_count);
    let cut = meta.trims.iter().any(|trim| trim.action != TrimAction::LowConfidence);
    let least = if budget >= 600 { budget * 92 / 100 } else { budget * 85 / 100 };
    if cut && budget >= 300 {
        assert!(meta.token_count >= least, "only {} of {budget} tokens are used", meta.token_count);
    }

    assert_eq!(canonical::to_bytes(&reduced.content).unwrap(), reduced.bytes);
    assert!(reduced.checksum.verifies(&reduced.bytes));

    let found = leaves_of(&reduced);
    let known: BTreeSet<_> = reduced.provenance.keys().cloned().collect();
    assert_eq!(found, known, "provenance is not that of the leaves");
    for (pointer, origin) in &reduced.provenance {
        let Some(step) = origin.step else {
            assert_eq!(pointer, "/schema_version");
            continue;
        };
        let source = context.sections[&step].pointer(&origin.field);
        assert!(source.is_some(), "{pointer} comes from {step}{}, which is not there", origin.field);
    }

    let identity = ["/company/name", "/messaging/one_liner", "/offer/value_proposition", "/icps/0/name"];
    for pointer in identity {
        assert!(found.contains(pointer), "{pointer} is lost at {budget}");
    }

    let banned = &reduced.content.messaging.guardrails.banned_phrases;
    let given = context.sections.iter().find(|(slug, _)| slug.as_str() == "guardrails").unwrap().1;
    let given = given["banned_phrases"].as_array().cloned().unwrap_or_default();
    assert_eq!(
        banned.iter().map(String::as_str).collect::<Vec<_>>(),
        given.iter().take(banned.len()).filter_map(Value::as_str).collect::<Vec<_>>(),
    );
    if !banned.is_empty() {
        let tokens = policy.encoding().count(&serde_json::to_string(banned).unwrap());
        assert!(tokens <= budget / 4, "banned phrases take {tokens} of {budget}");
    }
    reduced
}

#[test]
fn the_fixtures_satisfy_every_property_at_every_budget() {
    for (name, text) in FIXTURES {
        let context = fixture(text);
        let mut smaller: Option<(u32, BTreeSet<String>)> = None;
        for budget in (200..=2000).step_by(60).chain([4000, 8000, 16_000]) {
            let leaves = leaves_of(&check_invariants(&context, policy(budget)));
            if let Some((lower, lost)) = &smaller {
                let lost: Vec<_> = lost.difference(&leaves).collect();
                assert!(lost.is_empty(), "{name}: {budget} loses {lost:?} of {lower}");
            }
            smaller = Some((budget, leaves));
        }
    }
}

#[test]
fn a_budget_beyond_the_answers_trims_nothing() {
    let reduced = reduced(&fixture(FIXTURES[0].1), 16_000);
    assert_eq!(reduced.meta.trims, []);
    assert_eq!(reduced.meta.missing, Vec::<String>::new());
    assert_eq!(reduced.meta.evidence_count, 2);
    assert_eq!(reduced.content.facts.len(), 2, "only confirmed facts");
    assert_eq!(reduced.content.contradictions.len(), 1, "only unresolved contradictions");
    assert_eq!(reduced.content.icps[0].confidence, Some(950));
}

#[test]
fn the_context_around_the_answers_does_not_matter() {
    let context = fixture(FIXTURES[0].1);
    let mut elsewhere = context.clone();
    elsewhere.version = 9;
    elsewhere.workspace = domain::ids::WorkspaceId::generate();
    elsewhere.finalized_at += chrono::TimeDelta::days(400);
    assert_eq!(reduced(&context, 1200).bytes, reduced(&elsewhere, 1200).bytes);
}

#[test]
fn the_same_context_gives_the_same_bytes_in_many_threads() {
    let context = fixture(FIXTURES[2].1);
    let expected = reduced(&context, 1200).checksum;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| reduced(&context, 1200).checksum)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

/// A change here breaks every stored checksum: it needs a new `REDUCER_VERSION`.
#[test]
fn the_checksums_of_the_fixtures_are_pinned() {
    let pinned: Vec<_> = FIXTURES
        .iter()
        .map(|(name, text)| {
            let reduced = reduced(&fixture(text), 1200);
            format!("{name} {} {}", reduced.checksum, reduced.meta.token_count)
        })
        .collect();
    insta::assert_snapshot!(pinned.join("\n"));
}

#[test]
fn what_was_left_out_or_cut_is_listed() {
    let reduced = reduced(&fixture(FIXTURES[2].1), 600);
    let found = leaves_of(&reduced);
    for trim in &reduced.meta.trims {
        let below = format!("{}/", trim.pointer);
        let present = found.iter().any(|leaf| *leaf == trim.pointer || leaf.starts_with(&below));
        assert_eq!(present, trim.action == TrimAction::Shortened, "{}", trim.pointer);
    }
    let shortened = reduced.meta.trims.iter().filter(|trim| trim.action == TrimAction::Shortened);
    assert!(shortened.count() > 0);
}

#[test]
fn removing_an_answer_changes_only_what_came_from_it() {
    let whole = fixture(FIXTURES[0].1);
    let before: Value = serde_json::from_slice(&reduced(&whole, 16_000).bytes).unwrap();
    let before_origins = reduced(&whole, 16_000).provenance;
    for slug in whole.sections.keys() {
        let mut context = whole.clone();
        context.sections.remove(slug);
        let after = reduced(&context, 16_000);
        let value: Value = serde_json::from_slice(&after.bytes).unwrap();
        for (pointer, origin) in &before_origins {
            let kept = value.pointer(pointer);
            if origin.step == Some(*slug) {
                assert_eq!(kept, None, "{pointer}");
            } else {
                assert_eq!(kept, before.pointer(pointer), "{pointer} without {slug}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn generated_contexts_satisfy_every_property(
        answers in generated::answers(),
        mut budgets in prop::collection::vec(300_u32..5000, 4),
    ) {
        // A generated answer can break a rule between fields or exceed a size; such a one has no context.
        let Ok(context) = generated::context(answers) else { return Err(TestCaseError::reject("no context")) };
        budgets.sort_unstable();
        let mut smaller = BTreeSet::new();
        for budget in budgets {
            let once = check_invariants(&context, policy(budget));
            prop_assert_eq!(&once, &reduced(&context, budget));
            let leaves = leaves_of(&once);
            let lost: Vec<_> = smaller.difference(&leaves).collect();
            prop_assert!(lost.is_empty(), "{} loses {:?}", budget, lost);
            smaller = leaves;
        }
    }
}
