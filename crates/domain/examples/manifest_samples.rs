//! Documents for independent witnesses of the canonical form and of token counts: a line of JSON for each.
//!
//! `manifest_samples DOCUMENTS CONTEXTS` writes so many generated JSON documents in a form that is not canonical (`input`) with
//! what we make of them (`canonical`, `sha256`), and the contents of so many generated contexts under every policy (`content`,
//! `encoding`, `tokens`, `sha256`). The same arguments give the same lines.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be made ends the program")]

#[path = "../tests/manifest/generated.rs"]
mod generated;

use std::io::{BufWriter, Write, stdout};

use domain::{
    canonical::{self, Checksum},
    reduce::{Encoding, Policy, reduce},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Map, Value, json};

/// Texts whose order, escapes or width readers get wrong.
const HARD: [&str; 16] =
    ["", "a", "A", "\u{7f}", "\u{80}", "ö", "o\u{308}", "\u{fffd}", "😀", "\u{1f600}\u{fe0f}", "\u{2028}", "\\", "\"", "\u{1}", "/", "€"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![prop::collection::vec(prop::sample::select(&HARD[..]), 0..6).prop_map(|parts| parts.concat()), ".{0,20}", any::<String>(),]
}

fn number() -> impl Strategy<Value = Value> {
    const LARGEST: i64 = 9_007_199_254_740_991;
    let fits = |number: &f64| number.is_finite() && number.abs() < 9_007_199_254_740_992.0;
    prop_oneof![
        (-LARGEST..=LARGEST).prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<f64>().prop_filter("a number that every reader holds", fits).prop_map(Value::from),
        (-1.0e6..1.0e6).prop_map(|number: f64| Value::from((number * 100.0).round() / 100.0)),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), text().prop_map(Value::from)];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (documents, contexts) = (arguments.next().unwrap_or(1_000), arguments.next().unwrap_or(20));
    let mut out = BufWriter::new(stdout().lock());
    let mut runner = TestRunner::deterministic();
    let strategy = document();
    for index in 0..documents {
        let value = strategy.new_tree(&mut runner).unwrap().current();
        // With spaces in every other one: what is read is the same.
        let input = if index % 2 == 0 { serde_json::to_string(&value)? } else { serde_json::to_string_pretty(&value)? };
        let canonical = String::from_utf8(canonical::value_to_bytes(&value).unwrap()).unwrap();
        let sha256 = Checksum::of(canonical.as_bytes());
        writeln!(out, "{}", json!({ "input": input, "canonical": canonical, "sha256": sha256 }))?;
    }
    let answers = generated::answers();
    let made = std::iter::repeat_with(|| generated::context(answers.new_tree(&mut runner).unwrap().current())).filter_map(Result::ok);
    for context in made.take(contexts) {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            for budget in Policy::BUDGETS {
                let reduced = reduce(&context, Policy::new(budget, encoding).unwrap()).unwrap();
                let content = String::from_utf8(reduced.bytes).unwrap();
                let tokens = reduced.meta.token_count;
                let line = json!({ "content": content, "encoding": encoding.as_str(), "budget": budget, "tokens": tokens, "sha256": reduced.checksum });
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()
}
