//! Answers generated from the step definition, and contexts built from answers.

use std::collections::BTreeMap;

use domain::{
    context::{AnswerSource, BusinessContext, Finalization, Sections, StepOutcome},
    ids::{UserId, WorkspaceId},
    step::{Definition, Field, Kind, Slug, Step},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub const THIS_YEAR: i32 = 2026;

/// Words of several scripts, some without spaces, some with marks and joined emoji.
const WORDS: [&str; 20] = [
    "machine",
    "a",
    "unplanned",
    "factories",
    "it's",
    "night-shift",
    "42",
    "3.5 %",
    "किसान",
    "सलाह",
    "विश्वसनीयता",
    "производство",
    "品質管理",
    "ラインが止まる",
    "القيمة",
    "👩‍🔧",
    "naïve",
    "e\u{301}tat",
    "\"quoted\"",
    "C:\\path/x",
];

/// A text of at most `max` graphemes, and usually of at least `min`.
pub fn text(min: usize, max: usize) -> BoxedStrategy<String> {
    let most = (max / 8).clamp(1, 60);
    prop::collection::vec(prop::sample::select(&WORDS[..]), 1..=most)
        .prop_map(move |words| {
            let mut text = words.join(" ");
            while text.chars().count() < min {
                text.push_str(" more");
            }
            // A character is at least a part of a grapheme, and of at most four bytes.
            text.chars().take(max).collect::<String>().trim().to_owned()
        })
        .boxed()
}

fn field(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text { min, max } | Kind::LongText { min, max } => text(min, max).prop_map(Value::from).boxed(),
        Kind::Url { .. } => "[a-z]{3,12}".prop_map(|host| json!(format!("https://{host}.example/{host}"))).boxed(),
        Kind::Integer { min, max } => (min..=max).prop_map(Value::from).boxed(),
        Kind::Year { min, years_ahead } => (min..=THIS_YEAR + years_ahead).prop_map(Value::from).boxed(),
        Kind::Number { .. } => (0.0..=1.0).prop_map(|n: f64| json!(n)).boxed(),
        Kind::Amount { max } => (0..=max).prop_map(Value::from).boxed(),
        Kind::Money { max } => (0..=max).prop_map(|amount| json!({"amount_minor": amount, "currency": "INR"})).boxed(),
        Kind::Currency => prop::sample::select(vec!["INR", "usd", "EUR"]).prop_map(Value::from).boxed(),
        Kind::Boolean { .. } => Just(json!(true)).boxed(),
        Kind::Enum { options } => prop::sample::select(options).prop_map(|option| json!(option.value)).boxed(),
        Kind::Date => "2027-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])".prop_map(Value::from).boxed(),
        Kind::TextList { min_items, max_items, max } => {
            prop::collection::vec(text(1, max), min_items..=max_items).prop_map(Value::from).boxed()
        }
        Kind::ObjectList { min_items, max_items, fields, .. } => {
            prop::collection::vec(object(fields), min_items..=max_items).prop_map(Value::from).boxed()
        }
    }
}

fn object(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields
        .iter()
        .map(|f| {
            let value = field(f.kind).prop_map(Some);
            if f.required { value.boxed() } else { prop_oneof![2 => value, 1 => Just(None)].boxed() }
        })
        .collect();
    members
        .prop_map(move |values| {
            let members: Map<_, _> = fields.iter().zip(values).filter_map(|(f, value)| Some((f.name.to_owned(), value?))).collect();
            Value::Object(members)
        })
        .boxed()
}

/// An answer to a step that is usually valid and often not in its normal form.
pub fn answer(step: &'static Step) -> BoxedStrategy<Value> {
    object(step.fields)
}

/// Answers to all required steps and some optional ones; those that break a rule are left to the caller.
pub fn answers() -> BoxedStrategy<Sections> {
    let steps: Vec<_> = Definition::current()
        .steps
        .iter()
        .map(|step| {
            let slug = step.slug;
            let given = answer(step).prop_map(move |answer| Some((slug, answer)));
            if step.optional { prop_oneof![2 => given, 1 => Just(None)].boxed() } else { given.boxed() }
        })
        .collect();
    steps.prop_map(|steps| steps.into_iter().flatten().collect()).boxed()
}

/// A context of a fixed workspace and time.
pub fn context(answers: Sections) -> Result<BusinessContext, domain::context::ContextError> {
    let at = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_782);
    let by = UserId::from_uuid(Uuid::from_u128(2));
    let outcomes: BTreeMap<Slug, StepOutcome> = answers
        .into_iter()
        .map(|(slug, answer)| {
            let source = AnswerSource { revision: "1.1".to_owned(), answered_at: at, answered_by: by };
            (slug, StepOutcome::Complete { answer, source })
        })
        .collect();
    let workspace = WorkspaceId::from_uuid(Uuid::from_u128(1));
    BusinessContext::build(Finalization { version: 1, workspace, at, by }, &outcomes)
}
