//! The version of a manifest and the rule that numbers the next one.

use std::{collections::BTreeSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::Content;

/// A semantic version without pre-release or build parts: `1.4.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Changes when the company, its value proposition, its category or its customers do.
    pub major: u32,
    /// Changes when a list gains or loses a member.
    pub minor: u32,
    /// Changes with anything else.
    pub patch: u32,
}

impl Version {
    /// The first version of every workspace, 1.0.0.
    pub const FIRST: Self = Self { major: 1, minor: 0, patch: 0 };

    fn after(self, change: Change) -> Self {
        match change {
            Change::Major => Self { major: self.major + 1, minor: 0, patch: 0 },
            Change::Minor => Self { minor: self.minor + 1, patch: 0, ..self },
            Change::Patch => Self { patch: self.patch + 1, ..self },
        }
    }
}

/// How much a content differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another company name, value proposition, category or set of profile names.
    Major,
    /// A list gained or lost a member.
    Minor,
    /// Anything else.
    Patch,
}

impl Change {
    /// The part of the version that it raises: `major`, `minor` or `patch`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
        }
    }
}

/// The version of `new` when `current` is the one in force, or `None` when nothing changed.
///
/// MAJOR: company name, primary value proposition, category or the set of customer profile names;
/// MINOR: members added to or removed from any other list; PATCH: any other change.
#[must_use]
pub fn next_version(current: Version, old: &Content, new: &Content) -> Option<Version> {
    change(old, new).map(|change| current.after(change))
}

/// How much `new` differs from `old`, or `None` when they are equal.
#[must_use]
pub fn change(old: &Content, new: &Content) -> Option<Change> {
    if old == new {
        return None;
    }
    let names = |content: &Content| -> BTreeSet<Option<String>> { content.icps.iter().map(|icp| icp.name.clone()).collect() };
    if old.company.name != new.company.name
        || old.offer.value_proposition != new.offer.value_proposition
        || old.competitive.category != new.competitive.category
        || names(old) != names(new)
    {
        return Some(Change::Major);
    }
    // Profiles keep their names here, but their order may change; they are compared by name.
    let shape = |content: &Content| -> Option<Value> {
        let mut content = content.clone();
        content.icps.sort_by(|a, b| a.name.cmp(&b.name));
        serde_json::to_value(content).ok()
    };
    match (shape(old), shape(new)) {
        (Some(old), Some(new)) if same_members(Some(&old), Some(&new)) => Some(Change::Patch),
        _ => Some(Change::Minor),
    }
}

/// Whether the lists of two trees hold the same members. A text in a list is its own identity, an
/// object the text of its identifying key; a list that is absent is empty.
fn same_members(old: Option<&Value>, new: Option<&Value>) -> bool {
    let nothing = Value::Null;
    match (old.unwrap_or(&nothing), new.unwrap_or(&nothing)) {
        (Value::Object(old), Value::Object(new)) => old.keys().chain(new.keys()).all(|key| same_members(old.get(key), new.get(key))),
        (Value::Array(old), Value::Array(new)) => {
            let keys = |items: &[Value]| -> Vec<String> {
                let mut keys: Vec<_> = items.iter().map(identity).collect();
                keys.sort();
                keys
            };
            keys(old) == keys(new)
                && old.iter().all(|item| {
                    let same = new.iter().find(|other| identity(other) == identity(item));
                    same_members(Some(item), same)
                })
        }
        (Value::Array(_), _) | (_, Value::Array(_)) => false,
        (Value::Object(members), Value::Null) | (Value::Null, Value::Object(members)) => {
            members.values().all(|member| same_members(Some(member), None))
        }
        _ => true,
    }
}

/// The keys that name a member of a list, the first one present decides.
const IDENTIFYING: [&str; 7] = ["name", "title", "text", "axis", "value", "label", "statement"];

/// The member of a list's member that names it.
pub(super) fn identifying_key(item: &Value) -> Option<&'static str> {
    let is_text = |key: &&'static str| item.get(*key).is_some_and(Value::is_string);
    Some("label").filter(is_text).or_else(|| IDENTIFYING.into_iter().find(is_text))
}

/// What names a member of a list: a text, or the whole of what has no name.
pub(super) fn identity(item: &Value) -> String {
    let name = identifying_key(item).and_then(|key| item.get(key)?.as_str()).or_else(|| item.as_str());
    name.map_or_else(|| item.to_string(), ToOwned::to_owned)
}

/// The text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers: 1.0.0")]
pub struct InvalidVersion;

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Vec<u32> = text.split('.').map(|part| part.parse().map_err(|_| InvalidVersion)).collect::<Result<_, _>>()?;
        let &[major, minor, patch] = numbers.as_slice() else {
            return Err(InvalidVersion);
        };
        let version = Self { major, minor, patch };
        // Printing again refuses signs and leading zeros, which the number parser forgives.
        if version.to_string() == text { Ok(version) } else { Err(InvalidVersion) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$",
        })
    }
}
