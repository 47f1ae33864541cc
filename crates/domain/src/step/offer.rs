//! Phase 2: the problem, the answer to it and what it costs.

use super::{
    Field, Slug, Step,
    kind::{Choice, amount, choice, currency, integer, long_text, objects, one_of, text, texts},
};

const REVENUE_MODELS: &[Choice] = &[
    choice("recurring", "Recurring"),
    choice("one_time", "One-time"),
    choice("usage", "Usage based"),
    choice("marketplace", "Marketplace"),
    choice("advertising", "Advertising"),
    choice("hybrid", "Hybrid"),
];

const INTERVALS: &[Choice] = &[choice("one_time", "Once"), choice("month", "Per month"), choice("year", "Per year")];

const PRICE_FIELDS: &[Field] = &[
    text("name", "Name").required().placeholder("Starter"),
    amount("amount_minor", "Amount").required().help("In minor units, such as paise or cents."),
    currency("currency", "Currency").required(),
    one_of("interval", "Charged", INTERVALS),
];

pub(super) const PROBLEM: Step = Step {
    number: 6,
    slug: Slug::new("problem"),
    title: "Problem",
    phase: 2,
    minutes: 4,
    help: "What hurts before you arrive.",
    optional: false,
    fields: &[
        long_text("problem_statement", "The problem").at_least(20).at_most(1000).required(),
        integer("severity", "Severity", 1, 10).help("From 1, an annoyance, to 10, unbearable."),
        texts("affected_groups", "Who has it").at_most(8),
    ],
};

pub(super) const SOLUTION: Step = Step {
    number: 7,
    slug: Slug::new("solution"),
    title: "Solution",
    phase: 2,
    minutes: 5,
    help: "How you take the problem away.",
    optional: false,
    fields: &[
        long_text("solution", "The solution").at_least(20).at_most(1000).required(),
        texts("features", "Features").at_most(12),
        texts("benefits", "Benefits").at_most(12),
    ],
};

pub(super) const OFFER: Step = Step {
    number: 8,
    slug: Slug::new("offer"),
    title: "Offer",
    phase: 2,
    minutes: 3,
    help: "What the customer gets, and what changes for them.",
    optional: false,
    fields: &[
        long_text("core_deliverable", "What you deliver").at_most(300).required(),
        long_text("promised_outcome", "What it leads to").at_most(300).required(),
        text("time_to_value", "Time until it pays off").at_most(120).placeholder("Two weeks"),
        texts("guarantees", "Guarantees").at_most(5),
    ],
};

pub(super) const REVENUE_MODEL: Step = Step {
    number: 9,
    slug: Slug::new("revenue-model"),
    title: "Revenue model",
    phase: 2,
    minutes: 2,
    help: "How money comes in.",
    optional: false,
    fields: &[one_of("revenue_model", "Revenue model", REVENUE_MODELS).required(), texts("revenue_streams", "Revenue streams").at_most(8)],
};

pub(super) const PRICING: Step = Step {
    number: 10,
    slug: Slug::new("pricing"),
    title: "Pricing",
    phase: 2,
    minutes: 4,
    help: "How you set prices, and what they are.",
    optional: false,
    fields: &[
        long_text("pricing_strategy", "Pricing strategy").at_most(500).required(),
        objects("price_points", "Prices", "price", PRICE_FIELDS).at_most(8),
    ],
};
