//! Whole companies go through all steps by HTTP: twenty that were written, in several languages and scripts, and forty that are made
//! by chance from a seed. Each is refused when any required field is missing, and only then.

use std::collections::BTreeMap;

use domain::{
    answer::{self, Mode},
    ids::{OrderId, WorkspaceId},
    step::{Definition, Field, Kind, Slug, Step},
};
use reqwest::Method;
use serde_json::{Map, Value, json};
use testkit::{Person, Running, person};

use crate::{
    dice::Dice,
    rig::{Rig, confirmed},
};

const WRITTEN: [(&str, &str); 20] = [
    ("english-short", include_str!("../companies/english-short.json")),
    ("english-long", include_str!("../companies/english-long.json")),
    ("hindi", include_str!("../companies/hindi.json")),
    ("marathi", include_str!("../companies/marathi.json")),
    ("bengali", include_str!("../companies/bengali.json")),
    ("tamil", include_str!("../companies/tamil.json")),
    ("telugu", include_str!("../companies/telugu.json")),
    ("arabic", include_str!("../companies/arabic.json")),
    ("persian", include_str!("../companies/persian.json")),
    ("hebrew", include_str!("../companies/hebrew.json")),
    ("russian", include_str!("../companies/russian.json")),
    ("ukrainian", include_str!("../companies/ukrainian.json")),
    ("chinese", include_str!("../companies/chinese.json")),
    ("japanese", include_str!("../companies/japanese.json")),
    ("korean", include_str!("../companies/korean.json")),
    ("spanish", include_str!("../companies/spanish.json")),
    ("portuguese", include_str!("../companies/portuguese.json")),
    ("french", include_str!("../companies/french.json")),
    ("german", include_str!("../companies/german.json")),
    ("emoji-mixed", include_str!("../companies/emoji-mixed.json")),
];

/// Words of several scripts, some with marks and joined emoji.
const WORDS: [&str; 18] = [
    "machine",
    "unplanned",
    "it's",
    "night-shift",
    "42",
    "3.5 %",
    "किसान",
    "सलाह",
    "производство",
    "品質管理",
    "ラインが止まる",
    "القيمة",
    "👩‍🔧",
    "naïve",
    "e\u{301}tat",
    "\"quoted\"",
    "C:\\path/x",
    "می\u{200c}خواهم",
];

/// A person with an unlocked workspace in a running service.
struct Company<'a> {
    rig: &'a Rig,
    service: &'a Running,
    person: Person,
    name: &'a str,
    /// Whether the fields of items are taken out by HTTP too.
    deep: bool,
}

impl<'a> Company<'a> {
    async fn new(rig: &'a Rig, service: &'a Running, name: &'a str, deep: bool) -> Self {
        let person = person(&rig.database).await;
        rig.deliver(&confirmed(WorkspaceId::from_uuid(person.workspace), OrderId::generate()), 1).await;
        Self { rig, service, person, name, deep }
    }

    /// Completes a step on a revision; answers the status, and the next revision if it was accepted.
    async fn complete(&self, slug: Slug, revision: &str, answer: &Value) -> (u16, String, Vec<String>) {
        let path = format!("/api/onboarding/steps/{slug}/complete");
        let body = json!({"answer": answer});
        let send = async |revision: &str| {
            self.rig.send(&self.service.url, Method::POST, &path, &self.person.token, &[("If-Match", revision)], Some(&body)).await
        };
        let mut answer = send(revision).await;
        // A Redis that was too slow for a moment begins a new epoch; whoever edits is told the revision.
        for _ in 0..10 {
            if answer.status != 412 {
                break;
            }
            answer = send(&answer.etag()).await;
        }
        let pointers = answer.body["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str());
        (answer.status, answer.etag(), pointers.map(str::to_owned).collect())
    }

    /// Goes through all steps, each first without each of its fields, one at a time.
    async fn go_through(&self, answers: &BTreeMap<Slug, Value>) {
        for step in Definition::current().steps {
            let whole = &answers[&step.slug];
            let mut revision = "\"0\"".to_owned();
            let mut accepted = 0;
            for removal in removals(step, whole) {
                let checked = answer::check(step, &removal.answer, Mode::Complete, 2026);
                assert_eq!(checked.is_err(), removal.required, "{}: {} without {}", self.name, step.slug, removal.pointer);
                // By HTTP too: what is refused, in the first items of lists for those that were written, and the first of each step
                // that is accepted, which is written.
                let depth = removal.pointer.matches('/').count();
                let in_first_items = !removal.pointer.split('/').any(|part| part.parse::<u32>().is_ok_and(|index| index > 0));
                let asked = if removal.required { depth == 1 || (self.deep && in_first_items) } else { accepted == 0 };
                if !asked {
                    continue;
                }
                let (status, next, pointers) = self.complete(step.slug, &revision, &removal.answer).await;
                let what = format!("{}: {} without {}", self.name, step.slug, removal.pointer);
                if removal.required {
                    assert_eq!(status, 422, "{what}");
                    assert_eq!(pointers, [format!("/answer{}", removal.pointer)], "{what}");
                } else {
                    assert_eq!(status, 200, "{what}: {pointers:?}");
                    revision = next;
                    accepted += 1;
                }
            }
            let (status, _, pointers) = self.complete(step.slug, &revision, whole).await;
            assert_eq!(status, 200, "{}: {} {pointers:?}", self.name, step.slug);
        }
        let send = async |method, path: &str| self.rig.send(&self.service.url, method, path, &self.person.token, &[], None).await;
        let resume = send(Method::GET, "/api/onboarding").await.expect(200);
        assert_eq!((&resume.body["percent"], &resume.body["next_step"]), (&json!(100), &Value::Null), "{}", self.name);
        send(Method::POST, "/api/onboarding/finalize").await.expect(202);
        let context = send(Method::GET, "/api/onboarding/contexts/1").await.expect(200);
        assert_eq!(context.body["sections"].as_object().unwrap().len(), 23, "{}", self.name);
        // What was finalized can be taken over as it is.
        let exported = send(Method::GET, "/api/onboarding/export").await.expect(200);
        assert_eq!(exported.body["answers"], context.body["sections"], "{}", self.name);
    }
}

/// An answer without one field.
struct Removal {
    pointer: String,
    answer: Value,
    required: bool,
}

fn removals(step: &Step, answer: &Value) -> Vec<Removal> {
    let mut removals = Vec::new();
    for field in step.fields {
        without(field, answer, "", &mut removals, &|member| member);
    }
    removals
}

/// Adds what `whole` makes of `object` without `field`, and without each field of the items in it.
fn without(field: &Field, object: &Value, at: &str, removals: &mut Vec<Removal>, whole: &dyn Fn(Value) -> Value) {
    let Some(value) = object.get(field.name) else { return };
    let pointer = format!("{at}/{}", field.name);
    let mut rest = object.clone();
    rest.as_object_mut().unwrap().remove(field.name);
    // A rule, not a field: a critical contradiction needs its resolution.
    if !(field.name == "resolution" && object["severity"] == "critical") {
        removals.push(Removal { pointer: pointer.clone(), answer: whole(rest), required: field.required });
    }
    let with = |value: Value| {
        let mut object = object.clone();
        object[field.name] = value;
        whole(object)
    };
    match field.kind {
        Kind::ObjectList { fields, .. } => {
            for (index, item) in value.as_array().unwrap().iter().enumerate() {
                let with_item = |item: Value| {
                    let mut items = value.clone();
                    items[index] = item;
                    with(items)
                };
                for inner in fields {
                    without(inner, item, &format!("{pointer}/{index}"), removals, &with_item);
                }
            }
        }
        Kind::Money { .. } => {
            for member in ["amount_minor", "currency"] {
                let mut money = value.clone();
                money.as_object_mut().unwrap().remove(member);
                removals.push(Removal { pointer: format!("{pointer}/{member}"), answer: with(money), required: true });
            }
        }
        _ => {}
    }
}

/// Answers to all steps, whatever the dice say.
fn by_chance(dice: &mut Dice) -> BTreeMap<Slug, Value> {
    let mut answers = BTreeMap::new();
    for step in Definition::current().steps {
        let mut answer = object(step.fields, dice);
        if step.slug.as_str() == "market-size" {
            // From large to small.
            for (name, least) in [("tam", 1_000_000), ("sam", 10_000), ("som", 100)] {
                answer[name] = json!(least + dice.below(100));
            }
        }
        answers.insert(step.slug, answer);
    }
    answers
}

/// With all that is required, and at least one field more where there is one: an item is never blank without a field.
fn object(fields: &[Field], dice: &mut Dice) -> Value {
    let optional: Vec<_> = fields.iter().filter(|field| !field.required).map(|field| field.name).collect();
    let kept = if optional.is_empty() { "" } else { *dice.pick(&optional) };
    let mut members = Map::new();
    for field in fields {
        if field.required || field.name == kept || dice.one_in(2) {
            members.insert(field.name.to_owned(), value(field, dice));
        }
    }
    if members.get("severity") == Some(&json!("critical")) {
        members.insert("resolution".to_owned(), json!("It was settled."));
    }
    Value::Object(members)
}

fn value(field: &Field, dice: &mut Dice) -> Value {
    let number = |dice: &mut Dice, least: i64, most: i64| {
        let span = u64::try_from(most.saturating_sub(least)).unwrap().min(1 << 40);
        json!(least + i64::try_from(dice.below(span + 1)).unwrap())
    };
    match field.kind {
        Kind::Text { min, max } | Kind::LongText { min, max } => json!(text(min, max, dice)),
        Kind::Url { .. } => json!(format!("https://site-{}.example/{}", dice.below(1_000), dice.below(1_000))),
        Kind::Integer { min, max } => number(dice, min, max),
        Kind::Year { min, years_ahead } => number(dice, min.into(), i64::from(2026 + years_ahead)),
        Kind::Number { .. } => json!(f64::from(u32::try_from(dice.below(1_001)).unwrap()) / 1_000.0),
        Kind::Amount { max } => number(dice, 0, max),
        Kind::Money { max } => json!({"amount_minor": number(dice, 0, max), "currency": "INR"}),
        Kind::Currency => json!(dice.pick(&["INR", "EUR", "JPY"])),
        Kind::Boolean { .. } => json!(true),
        Kind::Enum { options } => json!(dice.pick(options).value),
        Kind::Date => json!(format!("2027-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28))),
        Kind::TextList { min_items, max_items, max } => {
            let count = dice.between(min_items.max(1), max_items.min(4));
            json!((0..count).map(|n| text(1, max.saturating_sub(4), dice) + &format!(" {n}")).collect::<Vec<_>>())
        }
        Kind::ObjectList { min_items, max_items, fields, .. } => {
            let count = dice.between(min_items.max(1), max_items.min(3));
            json!((0..count).map(|_| object(fields, dice)).collect::<Vec<_>>())
        }
    }
}

/// Words of at least `min` and at most `max` characters, each of which is a part of a grapheme at most.
fn text(min: usize, max: usize, dice: &mut Dice) -> String {
    let mut text = (*dice.pick(&WORDS)).to_owned();
    let most = if dice.one_in(5) { 120 } else { 6 };
    for _ in 0..dice.below(most) {
        let word = dice.pick(&WORDS);
        if text.chars().count() + word.chars().count() < max {
            text = format!("{text} {word}");
        }
    }
    while text.chars().filter(|c| c.is_alphanumeric() && c.is_ascii()).count() < min {
        text.push_str(" and more");
    }
    if text.chars().count() > max || text.len() > max * 8 { "short".repeat(min / 5 + 1).chars().take(max).collect() } else { text }
}

fn sections(answers: &str) -> BTreeMap<Slug, Value> {
    let answers: Value = serde_json::from_str(answers).unwrap();
    answers.as_object().unwrap().iter().map(|(slug, answer)| (slug.parse().unwrap(), answer.clone())).collect()
}

async fn rig() -> (Rig, Running) {
    let rig = Rig::locked().await;
    let service = rig.replica(&[("GROUNDWORK__LIMITS__PROFILE", "load")]);
    (rig, service)
}

async fn written(range: std::ops::Range<usize>) {
    let (rig, service) = rig().await;
    for (name, answers) in &WRITTEN[range] {
        Company::new(&rig, &service, name, true).await.go_through(&sections(answers)).await;
    }
}

async fn made(seeds: std::ops::Range<u64>) {
    let (rig, service) = rig().await;
    for seed in seeds {
        let name = format!("seed {seed}");
        Company::new(&rig, &service, &name, false).await.go_through(&by_chance(&mut Dice::new(seed))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_companies_written_in_english_and_in_india_go_through() {
    written(0..7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_companies_written_from_right_to_left_and_in_cyrillic_go_through() {
    written(7..12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_written_companies_go_through() {
    written(12..20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_companies_made_by_chance_go_through() {
    made(0..10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_more_companies_made_by_chance_go_through() {
    made(10..20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_ten_companies_made_by_chance_go_through() {
    made(20..30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_ten_companies_made_by_chance_go_through() {
    made(30..40).await;
}
