//! Versions of the step definition, and how answers of an older one become answers of the present one.

use serde_json::Value;

use super::{SCHEMA_VERSION, Slug};

/// How the answers of one version become those of the next.
#[derive(Debug, Clone, Copy)]
pub struct Upgrade {
    /// The older version.
    pub from: &'static str,
    /// The one after it.
    pub to: &'static str,
    /// The answer to a step, as the next version asks for it. What it makes is checked like any other answer.
    pub answer: fn(Slug, Value) -> Value,
}

/// The versions that a build knows: the present one, and the way to it from each older one.
#[derive(Debug, Clone, Copy)]
pub struct Versions {
    current: &'static str,
    upgrades: &'static [Upgrade],
}

/// What a version is to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The present one.
    Current,
    /// An older one, whose answers can be brought to the present one.
    Older,
    /// One that this build does not know: newer, or never released.
    Unknown,
}

impl Versions {
    /// The versions of this build. 2026.11 is the first that was released.
    pub const RELEASED: Self = Self::new(SCHEMA_VERSION, &[]);

    /// A present version and the upgrades that lead to it, in order.
    #[must_use]
    pub const fn new(current: &'static str, upgrades: &'static [Upgrade]) -> Self {
        Self { current, upgrades }
    }

    /// The present version.
    #[must_use]
    pub const fn current(&self) -> &'static str {
        self.current
    }

    /// What `version` is to this build.
    #[must_use]
    pub fn age(&self, version: &str) -> Age {
        if version == self.current {
            Age::Current
        } else if self.way(version).is_some() {
            Age::Older
        } else {
            Age::Unknown
        }
    }

    /// An answer of `version` as the present version asks for it; `None` when there is no way from there.
    #[must_use]
    pub fn upgrade(&self, version: &str, slug: Slug, answer: Value) -> Option<Value> {
        if version == self.current {
            return Some(answer);
        }
        Some(self.way(version)?.iter().fold(answer, |answer, upgrade| (upgrade.answer)(slug, answer)))
    }

    /// The upgrades from `version` to the present one.
    fn way(&self, version: &str) -> Option<&'static [Upgrade]> {
        let first = self.upgrades.iter().position(|upgrade| upgrade.from == version)?;
        self.upgrades.get(first..)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn renamed(_: Slug, mut answer: Value) -> Value {
        if let Some(members) = answer.as_object_mut()
            && let Some(name) = members.remove("name")
        {
            members.insert("company_name".to_owned(), name);
        }
        answer
    }

    fn with_a_stage(slug: Slug, mut answer: Value) -> Value {
        if slug.as_str() == "company" {
            answer["stage"] = json!("seed");
        }
        answer
    }

    const VERSIONS: Versions =
        Versions::new("3", &[Upgrade { from: "1", to: "2", answer: renamed }, Upgrade { from: "2", to: "3", answer: with_a_stage }]);

    #[test]
    fn an_answer_goes_all_the_way_from_its_version_to_the_present_one() {
        let company: Slug = "company".parse().unwrap();
        let upgrade = |version, answer| VERSIONS.upgrade(version, company, answer);
        assert_eq!(upgrade("1", json!({"name": "Acme"})), Some(json!({"company_name": "Acme", "stage": "seed"})));
        assert_eq!(upgrade("2", json!({"name": "Acme"})), Some(json!({"name": "Acme", "stage": "seed"})));
        assert_eq!(upgrade("3", json!({"name": "Acme"})), Some(json!({"name": "Acme"})));
        assert_eq!(upgrade("4", json!({})), None);
    }

    #[test]
    fn a_version_is_the_present_one_an_older_one_or_unknown() {
        let ages: Vec<_> = ["3", "2", "1", "4", ""].into_iter().map(|version| VERSIONS.age(version)).collect();
        assert_eq!(ages, [Age::Current, Age::Older, Age::Older, Age::Unknown, Age::Unknown]);
        assert_eq!(Versions::RELEASED.age(SCHEMA_VERSION), Age::Current);
    }

    #[test]
    fn the_released_upgrades_lead_from_each_version_to_the_next() {
        let upgrades = Versions::RELEASED.upgrades;
        assert!(upgrades.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(upgrades.last().is_none_or(|last| last.to == SCHEMA_VERSION));
    }
}
