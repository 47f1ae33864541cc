//! How much a customer profile holds, and which profiles are worth keeping.

use serde_json::Value;

/// Profiles below this confidence, per mille, are dropped unless none is left.
const LEAST: u16 = 300;

/// A profile in the order of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ranked {
    /// Its place in the answer.
    pub(super) index: usize,
    /// Its confidence per mille.
    pub(super) confidence: u16,
}

/// The profiles worth keeping, by confidence, then name, and how many were not.
pub(super) fn rank(profiles: &[Value]) -> (Vec<Ranked>, usize) {
    let name =
        |ranked: &Ranked| profiles.get(ranked.index).and_then(|profile| profile.get("name")).and_then(Value::as_str).unwrap_or_default();
    let mut ranked: Vec<_> = profiles
        .iter()
        .enumerate()
        .filter(|(_, profile)| is_present(profile, "name"))
        .map(|(index, profile)| Ranked { index, confidence: per_mille(profile) })
        .collect();
    ranked.sort_by(|a, b| b.confidence.cmp(&a.confidence).then_with(|| name(a).cmp(name(b))).then(a.index.cmp(&b.index)));
    let kept = ranked.iter().filter(|profile| profile.confidence >= LEAST).count();
    let kept = kept.max(1).min(ranked.len());
    let dropped = ranked.len() - kept;
    ranked.truncate(kept);
    (ranked, dropped)
}

/// min(1, s / 6) with two decimals, s = 0.5 for each of name, description, company size and vertical,
/// plus min(1.5, 0.5 × pains), min(1.5, 0.5 × goals), min(1, 0.3 × objections) and min(1, 0.3 × triggers).
pub(super) fn per_mille(profile: &Value) -> u16 {
    let texts = ["name", "description", "company_size", "vertical"];
    let present = texts.iter().filter(|name| is_present(profile, name)).count();
    let listed = |name, each: usize, most: usize| {
        let items = profile.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        (each * items).min(most)
    };
    let thousandths = 500 * present
        + listed("pains", 500, 1500)
        + listed("goals", 500, 1500)
        + listed("objections", 300, 1000)
        + listed("triggers", 300, 1000);
    let hundredths = ((thousandths + 30) / 60).min(100);
    u16::try_from(hundredths * 10).unwrap_or(1000)
}

fn is_present(profile: &Value, name: &str) -> bool {
    profile.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}
