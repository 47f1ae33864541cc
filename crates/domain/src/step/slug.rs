//! The name of a step.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Definition, Step};

/// The name of one of the 23 steps, as it stands in routes: `value-proposition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(&'static str);

impl Slug {
    pub(super) const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Every slug, in the order of the steps.
    pub fn all() -> impl Iterator<Item = Self> {
        Definition::current().steps.iter().map(|step| step.slug)
    }

    /// The slug as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The step with this slug.
    #[must_use]
    pub fn step(self) -> &'static Step {
        #[expect(clippy::expect_used, reason = "slugs are made only for steps of the definition")]
        Definition::current().step(self.0).expect("every slug names a step")
    }
}

/// No step has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no onboarding step \"{0}\"")]
pub struct UnknownSlug(pub String);

impl FromStr for Slug {
    type Err = UnknownSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Definition::current().step(text).map(|step| step.slug).ok_or_else(|| UnknownSlug(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Slug {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Slug".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<_> = Self::all().map(Self::as_str).collect();
        schemars::json_schema!({ "type": "string", "enum": names })
    }
}
