//! `reduce`: the reducer beside one tokenising of the context that it reads.

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use chrono::{DateTime, TimeDelta};
use domain::{
    context::{AnswerSource, BusinessContext, Finalization, Sections, StepOutcome},
    ids::{UserId, WorkspaceId},
    reduce::{Encoding, Policy, reduce},
};
use uuid::Uuid;

use super::Context;
use crate::bar::{Bar, Limit};

/// The fixtures of the domain.
pub const FIXTURES: [(&str, &str); 3] = [
    ("acme", include_str!("../../../domain/tests/fixtures/answers/acme.json")),
    ("sahayak", include_str!("../../../domain/tests/fixtures/answers/sahayak.json")),
    ("maximal", include_str!("../../../domain/tests/fixtures/answers/maximal.json")),
];

/// The policy of bcm-svc's defaults.
pub fn policy() -> anyhow::Result<Policy> {
    Ok("cl100k/1200".parse()?)
}

/// The context of a fixture.
///
/// # Errors
/// When the fixture is not what it should be.
pub fn context(fixture: &str, workspace: Uuid, by: Uuid) -> anyhow::Result<BusinessContext> {
    let answers: Sections = serde_json::from_str(fixture)?;
    let (at, by) = (DateTime::UNIX_EPOCH + TimeDelta::days(20_782), UserId::from_uuid(by));
    let source = AnswerSource { revision: "1.1".to_owned(), answered_at: at, answered_by: by };
    let outcomes: BTreeMap<_, _> =
        answers.into_iter().map(|(slug, answer)| (slug, StepOutcome::Complete { answer, source: source.clone() })).collect();
    Ok(BusinessContext::build(Finalization { version: 1, workspace: WorkspaceId::from_uuid(workspace), at, by }, &outcomes)?)
}

/// Milliseconds of one call, from as many as fit into half a second.
fn time(mut work: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut calls = 0_u32;
    while begun.elapsed().as_millis() < 500 {
        work();
        calls += 1;
    }
    begun.elapsed().as_secs_f64() * 1000.0 / f64::from(calls.max(1))
}

pub fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let policy = policy()?;
    let mut bars = Vec::new();
    for (name, text) in FIXTURES {
        let context = context(text, Uuid::from_u128(1), Uuid::from_u128(2))?;
        let result = String::from_utf8(reduce(&context, policy)?.bytes)?;
        let text = serde_json::to_string(&context.sections)?;
        let (mut ours, mut baseline) = (Vec::new(), Vec::new());
        for pair in 0..run.pairs {
            let reducing = || time(|| drop(black_box(reduce(black_box(&context), policy))));
            let tokenising = || {
                time(|| {
                    black_box(Encoding::Cl100k.count(black_box(&text)));
                })
            };
            if pair % 2 == 0 {
                ours.push(reducing());
                baseline.push(tokenising());
            } else {
                baseline.push(tokenising());
                ours.push(reducing());
            }
        }
        let of_result = time(|| {
            black_box(Encoding::Cl100k.count(black_box(&result)));
        });
        let claim = format!("{name}: reduce ÷ tokenise the answers once");
        let bar = Bar::ratio("reduce", claim, "ms", (&ours, &baseline), Limit::AtMost(4.0))?;
        bars.push(bar.noting(format!("tokenising the {} bytes of the result alone: {of_result:.2} ms", result.len())));
    }
    Ok(bars)
}
