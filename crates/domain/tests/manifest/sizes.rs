//! The properties of the reducer over many generated contexts, from one to twenty times what their budget holds.
//!
//! `GROUNDWORK_CASES` says how many; the thousand of the specification are run by `make verify PHASE=manifest`.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use domain::{
    canonical::Checksum,
    context::BusinessContext,
    manifest::TrimAction,
    reduce::{Encoding, Policy, Reduced, reduce},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::Value;

use crate::{
    generated,
    reducer::{check_invariants, leaves_of},
};

const ENCODINGS: [Encoding; 2] = [Encoding::Cl100k, Encoding::O200k];

#[expect(clippy::disallowed_methods, reason = "a test is told how long it may take")]
fn cases() -> usize {
    std::env::var("GROUNDWORK_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

/// The same contexts in every run.
fn contexts() -> impl Iterator<Item = BusinessContext> {
    let mut runner = TestRunner::deterministic();
    let answers = generated::answers();
    // Generated answers can break a rule between fields or exceed a size; such have no context.
    std::iter::repeat_with(move || answers.new_tree(&mut runner).unwrap().current()).filter_map(|answers| generated::context(answers).ok())
}

fn whole(context: &BusinessContext, encoding: Encoding) -> Reduced {
    reduce(context, Policy::new(Policy::MAX_BUDGET, encoding).unwrap()).unwrap()
}

fn is_whole(reduced: &Reduced) -> bool {
    reduced.meta.trims.iter().all(|trim| trim.action == TrimAction::LowConfidence)
}

#[test]
fn at_every_policy_a_context_of_one_to_twenty_budgets_keeps_every_property() {
    let (mut by_ratio, mut looked_at) = ([0_u32; 21], 0);
    for context in contexts().take(cases()) {
        for encoding in ENCODINGS {
            let all = whole(&context, encoding).meta.token_count;
            let mut smaller: Option<BTreeSet<String>> = None;
            for budget in Policy::BUDGETS {
                let policy = Policy::new(budget, encoding).unwrap();
                let leaves = leaves_of(&check_invariants(&context, policy));
                if let Some(smaller) = &smaller {
                    let lost: Vec<_> = smaller.difference(&leaves).collect();
                    assert!(lost.is_empty(), "{policy} loses {lost:?}");
                }
                smaller = Some(leaves);
                let ratio = usize::try_from(all / budget).unwrap();
                if let Some(count) = by_ratio.get_mut(ratio.min(20)) {
                    *count += 1;
                }
                looked_at += 1;
            }
        }
    }
    println!("{looked_at} reductions; by how many budgets the context has: {by_ratio:?}");
    assert!(by_ratio[1..].iter().filter(|count| **count > 0).count() >= 6, "the contexts are too alike: {by_ratio:?}");
    assert!(by_ratio[10..].iter().sum::<u32>() > 0, "none has ten budgets: {by_ratio:?}");
}

#[test]
fn one_thread_and_eight_give_the_same_checksums() {
    let contexts: Vec<BusinessContext> = contexts().take(cases()).collect();
    let policy = Policy::new(600, Encoding::O200k).unwrap();
    let digest = |context: &BusinessContext| reduce(context, policy).unwrap().checksum;
    let alone: Vec<Checksum> = contexts.iter().map(digest).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(context) = contexts.get(index) else { break };
                    assert_eq!(digest(context), alone[index]);
                }
            });
        }
    });
}

#[test]
fn removing_an_answer_changes_only_the_leaves_that_name_it() {
    let mut removed = 0;
    for context in contexts().take(cases() / 10) {
        let before = whole(&context, Encoding::Cl100k);
        if !is_whole(&before) {
            continue;
        }
        let before_tree: Value = serde_json::from_slice(&before.bytes).unwrap();
        for (slug, answer) in &context.sections {
            for field in answer.as_object().unwrap().keys() {
                let mut without = context.clone();
                without.sections.get_mut(slug).unwrap().as_object_mut().unwrap().remove(field);
                let after = whole(&without, Encoding::Cl100k);
                let after_tree: Value = serde_json::from_slice(&after.bytes).unwrap();
                let of_it = format!("/{field}");
                for (pointer, origin) in &before.provenance {
                    let named = origin.step == Some(*slug)
                        && origin.field.strip_prefix(&of_it).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                    let (was, is) = (before_tree.pointer(pointer), after_tree.pointer(pointer));
                    assert_eq!(is, if named { None } else { was }, "{pointer} from {origin:?} without {slug}{of_it}");
                }
                let new: Vec<_> = leaves_of(&after).difference(&leaves_of(&before)).cloned().collect();
                assert!(new.is_empty(), "{new:?} came without {slug}{of_it}");
                removed += 1;
            }
        }
    }
    println!("{removed} answers removed");
    assert!(removed > 100);
}
