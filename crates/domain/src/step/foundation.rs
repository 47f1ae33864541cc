//! Phase 1: the company, its promise and what is known about both.

use super::{
    Field, Slug, Step,
    kind::{Choice, choice, integer, long_text, number, objects, one_of, text, texts, url, year},
};

const INDUSTRIES: &[Choice] = &[
    choice("technology", "Technology"),
    choice("healthcare", "Healthcare"),
    choice("finance", "Finance"),
    choice("retail", "Retail"),
    choice("manufacturing", "Manufacturing"),
    choice("education", "Education"),
    choice("real_estate", "Real estate"),
    choice("entertainment", "Entertainment"),
    choice("food_beverage", "Food and beverage"),
    choice("transportation", "Transportation"),
    choice("energy", "Energy"),
    choice("consulting", "Consulting"),
    choice("media", "Media"),
    choice("agriculture", "Agriculture"),
    choice("construction", "Construction"),
    choice("other", "Other"),
];

const STAGES: &[Choice] = &[
    choice("pre_seed", "Pre-seed"),
    choice("seed", "Seed"),
    choice("series_a", "Series A"),
    choice("series_b", "Series B"),
    choice("series_c", "Series C"),
    choice("growth", "Growth"),
    choice("mature", "Mature"),
    choice("enterprise", "Enterprise"),
];

const EVIDENCE_KINDS: &[Choice] = &[choice("url", "Link"), choice("note", "Note")];

const SEVERITIES: &[Choice] = &[choice("low", "Low"), choice("medium", "Medium"), choice("high", "High"), choice("critical", "Critical")];

const FACT_STATES: &[Choice] = &[choice("confirmed", "Confirmed"), choice("needs_review", "Needs review"), choice("rejected", "Rejected")];

const EVIDENCE_FIELDS: &[Field] = &[
    one_of("kind", "Kind", EVIDENCE_KINDS),
    text("title", "Title").required(),
    url("url", "Link"),
    long_text("note", "Note").at_most(1000),
    text("category", "Category").placeholder("Case study"),
];

const CONTRADICTION_FIELDS: &[Field] = &[
    text("statement", "Statement").required(),
    text("conflicts_with", "Conflicts with").required(),
    one_of("severity", "Severity", SEVERITIES),
    text("resolution", "Resolution").help("A critical contradiction needs one."),
];

const FACT_FIELDS: &[Field] = &[
    text("category", "Category").placeholder("Traction"),
    text("label", "Fact").required().placeholder("Paying customers"),
    text("value", "Value").required().placeholder("420"),
    number("confidence", "Confidence", 0, 1).help("From 0, a guess, to 1, certain."),
    one_of("status", "Status", FACT_STATES),
];

pub(super) const COMPANY: Step = Step {
    number: 1,
    slug: Slug::new("company"),
    title: "Company",
    phase: 1,
    minutes: 4,
    help: "Who you are. Everything else builds on this.",
    optional: false,
    fields: &[
        text("company_name", "Company name").at_least(2).at_most(120).required().placeholder("Acme"),
        url("website", "Website"),
        one_of("industry", "Industry", INDUSTRIES).required(),
        one_of("stage", "Stage", STAGES).required(),
        long_text("description", "What the company does")
            .at_least(20)
            .at_most(1000)
            .required()
            .help("Two or three sentences a stranger would understand."),
        year("founded_year", "Founded in", 1800, 1),
        integer("employee_count", "Employees", 1, 1_000_000),
        text("headquarters", "Headquarters").at_most(120).placeholder("Pune, India"),
    ],
};

pub(super) const VALUE_PROPOSITION: Step = Step {
    number: 2,
    slug: Slug::new("value-proposition"),
    title: "Value proposition",
    phase: 1,
    minutes: 4,
    help: "Why a customer should choose you, in their words rather than yours.",
    optional: false,
    fields: &[
        long_text("value_proposition", "Value proposition").at_least(10).at_most(500).required().placeholder("We help … to … without …"),
        text("core_promise", "Core promise").help("The one thing you always keep."),
        texts("differentiators", "What sets you apart").at_most(8),
    ],
};

pub(super) const EVIDENCE: Step = Step {
    number: 3,
    slug: Slug::new("evidence"),
    title: "Evidence",
    phase: 1,
    minutes: 5,
    help: "Links and notes that back up what you say: case studies, reviews, numbers, press.",
    optional: true,
    fields: &[objects("evidence", "Evidence", "piece of evidence", EVIDENCE_FIELDS).at_most(25)],
};

pub(super) const INTEGRITY: Step = Step {
    number: 4,
    slug: Slug::new("integrity"),
    title: "Contradictions",
    phase: 1,
    minutes: 3,
    help: "Places where your materials disagree with each other, and which side is right.",
    optional: true,
    fields: &[objects("contradictions", "Contradictions", "contradiction", CONTRADICTION_FIELDS).at_most(20)],
};

pub(super) const FACTS: Step = Step {
    number: 5,
    slug: Slug::new("facts"),
    title: "Facts",
    phase: 1,
    minutes: 4,
    help: "Checked statements about the company. Only confirmed ones reach the manifest.",
    optional: true,
    fields: &[objects("facts", "Facts", "fact", FACT_FIELDS).at_most(50)],
};
