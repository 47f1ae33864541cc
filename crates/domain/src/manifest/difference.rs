//! What changed between two contents, in the words of the business.
//!
//! Members of lists are matched by what names them, not by their place: a profile that moved up has not changed. A list
//! whose common members stand in another order is told once.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Content, version::identity};

/// What happened to a part of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another value.
    Changed,
    /// The members of the list stand in another order.
    Reordered,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The section of the content: `company`, `icps` …
    pub section: String,
    /// What happened.
    pub kind: DifferenceKind,
    /// What it happened to: `icp`, `pain`, `company name`.
    pub what: String,
    /// The member of a list that it is or belongs to, the innermost one, by what names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Where it stands in the new content; in the old one when it is gone.
    pub pointer: String,
    /// What stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Every difference, by section in canonical order; none exactly when the contents are equal.
pub fn differences(old: &Content, new: &Content) -> Result<Vec<Difference>, serde_json::Error> {
    let (old, new) = (serde_json::to_value(old)?, serde_json::to_value(new)?);
    let mut found = Vec::new();
    let place = Place { section: "", pointer: "", name: "content", list: None, of: None };
    walk(&mut found, place, Some(&old), Some(&new));
    found.sort_by(|a, b| a.section.cmp(&b.section));
    Ok(found)
}

/// Where in the content the comparison stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    section: &'a str,
    pointer: &'a str,
    /// The key it stands under; of an item that of its list.
    name: &'a str,
    /// The list that the value is an item of, or stands in an item of.
    list: Option<&'a str>,
    of: Option<&'a str>,
}

impl Place<'_> {
    fn tell(&self, kind: DifferenceKind, what: String, before: Option<&Value>, after: Option<&Value>) -> Difference {
        Difference {
            section: self.section.to_owned(),
            kind,
            what,
            of: self.of.map(ToOwned::to_owned),
            pointer: self.pointer.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        }
    }

    /// A member's name in words: with the thing that it is a member of.
    fn words(&self) -> String {
        let field = self.name.replace('_', " ");
        match self.list {
            Some(list) => format!("{} {field}", one_of(list)),
            None if self.section.is_empty() || self.section == self.name => field,
            None => format!("{} {field}", self.section),
        }
    }
}

fn walk(found: &mut Vec<Difference>, place: Place<'_>, old: Option<&Value>, new: Option<&Value>) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
            keys.sort();
            for key in keys {
                let section = if place.section.is_empty() { key } else { place.section };
                let pointer = format!("{}/{key}", place.pointer);
                walk(found, Place { section, pointer: &pointer, name: key, ..place }, old.get(key), new.get(key));
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => items(found, place, old, new),
        (Some(Value::Array(old)), None) => items(found, place, old, &[]),
        (None, Some(Value::Array(new))) => items(found, place, &[], new),
        (None, Some(new)) => found.push(place.tell(DifferenceKind::Added, place.words(), None, Some(new))),
        (Some(old), None) => found.push(place.tell(DifferenceKind::Removed, place.words(), Some(old), None)),
        (Some(old), Some(new)) if old != new => {
            found.push(place.tell(DifferenceKind::Changed, place.words(), Some(old), Some(new)));
        }
        _ => {}
    }
}

/// Pairs the members of two lists by what names them; those of one name in their order.
fn items(found: &mut Vec<Difference>, place: Place<'_>, old: &[Value], new: &[Value]) {
    let mut waiting: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, item) in old.iter().enumerate().rev() {
        waiting.entry(identity(item)).or_default().push(index);
    }
    let mut came_from = Vec::new();
    for (index, item) in new.iter().enumerate() {
        let pointer = format!("{}/{index}", place.pointer);
        let name = identity(item);
        let before = waiting.get_mut(&name).and_then(Vec::pop);
        let here = Place { pointer: &pointer, list: Some(place.name), ..place };
        match before.and_then(|before| Some((before, old.get(before)?))) {
            Some((before, was)) => {
                came_from.push(before);
                walk(found, Place { of: Some(&name), ..here }, Some(was), Some(item));
            }
            None => found.push(here.tell(DifferenceKind::Added, one_of(place.name), None, Some(item))),
        }
    }
    let mut gone: Vec<usize> = waiting.into_values().flatten().collect();
    gone.sort_unstable();
    for index in gone {
        let pointer = format!("{}/{index}", place.pointer);
        let here = Place { pointer: &pointer, list: Some(place.name), ..place };
        found.push(here.tell(DifferenceKind::Removed, one_of(place.name), old.get(index), None));
    }
    if !came_from.is_sorted() {
        found.push(place.tell(DifferenceKind::Reordered, place.words(), None, None));
    }
}

/// What one member of a list is called.
fn one_of(list: &str) -> String {
    let one = match list {
        "icps" => "icp",
        "axes" => "axis",
        "strengths" => "strength",
        "weaknesses" => "weakness",
        "geographies" => "geography",
        "pricing" => "price",
        "dos" => "do",
        "donts" => "don't",
        "personality" => "personality trait",
        "short_term" => "short-term goal",
        "long_term" => "long-term goal",
        "kpis" => "kpi",
        other => return other.strip_suffix('s').unwrap_or(other).replace('_', " "),
    };
    one.to_owned()
}
