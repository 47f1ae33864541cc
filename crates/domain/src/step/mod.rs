//! The onboarding steps as data: the API serves this definition, the validator runs on it and the web
//! form is drawn from it.
//!
//! Rules: the onboarding specification, schema version 2026.11. Where it gives no limit, a text has at
//! most 200 graphemes, a list 12 items and a URL 2,048 bytes.

mod audience;
mod foundation;
mod go_to_market;
mod kind;
mod market;
mod message;
mod offer;
mod page;
mod schema;
mod slug;
mod typescript;
mod version;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use kind::{CURRENCIES, Choice, Field, Kind};
pub use slug::{Slug, UnknownSlug};
pub use version::{Age, Upgrade, Versions};

/// The version of the step definition; it is part of every business context.
pub const SCHEMA_VERSION: &str = "2026.11";

/// How many steps there are.
pub const STEP_COUNT: usize = 23;

/// The whole definition: what `GET /api/onboarding/steps` answers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Definition {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: &'static str,
    /// The six phases, in order.
    pub phases: &'static [Phase],
    /// The steps, in order.
    pub steps: &'static [Step],
}

/// A group of steps under one title.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Phase {
    /// 1 to 6.
    pub number: u8,
    /// A short title for people.
    pub title: &'static str,
}

/// One step: one page of the form, one answer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    /// 1 to 23.
    pub number: u8,
    /// Its name in routes, tables and documents.
    pub slug: Slug,
    /// A short title for people.
    pub title: &'static str,
    /// The number of its [`Phase`].
    pub phase: u8,
    /// About how many minutes it takes.
    pub minutes: u8,
    /// What the step is for, in a sentence or two.
    pub help: &'static str,
    /// Whether it may be skipped.
    pub optional: bool,
    /// The fields, in the order of the form.
    pub fields: &'static [Field],
}

const PHASES: &[Phase] = &[
    Phase { number: 1, title: "Foundation" },
    Phase { number: 2, title: "Offer" },
    Phase { number: 3, title: "Market" },
    Phase { number: 4, title: "Audience" },
    Phase { number: 5, title: "Message" },
    Phase { number: 6, title: "Go to market" },
];

static STEPS: [Step; STEP_COUNT] = [
    foundation::COMPANY,
    foundation::VALUE_PROPOSITION,
    foundation::EVIDENCE,
    foundation::INTEGRITY,
    foundation::FACTS,
    offer::PROBLEM,
    offer::SOLUTION,
    offer::OFFER,
    offer::REVENUE_MODEL,
    offer::PRICING,
    market::COMPETITORS,
    market::POSITIONING,
    market::MARKET_SIZE,
    audience::ICPS,
    audience::BUYING_JOURNEY,
    message::BRAND,
    message::MESSAGING,
    message::GUARDRAILS,
    message::SOUNDBITES,
    go_to_market::CHANNELS,
    go_to_market::GOALS,
    go_to_market::CONSTRAINTS,
    go_to_market::REVIEW,
];

static CURRENT: Definition = Definition { schema_version: SCHEMA_VERSION, phases: PHASES, steps: &STEPS };

impl Definition {
    /// The definition in force.
    #[must_use]
    pub fn current() -> &'static Self {
        &CURRENT
    }

    /// The step with this slug, if there is one.
    #[must_use]
    pub fn step(&self, slug: &str) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.slug.as_str() == slug)
    }
}

impl Step {
    /// The field with this name, if there is one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
