//! Phase 3: whom you are compared with and how large the market is.

use super::{
    Field, Slug, Step,
    kind::{Choice, amount, choice, currency, integer, long_text, objects, one_of, text, texts, url, year},
};

const COMPETITOR_KINDS: &[Choice] = &[choice("direct", "Direct"), choice("indirect", "Indirect"), choice("status_quo", "Doing nothing")];

const CATEGORY_PATHS: &[Choice] = &[
    choice("safe", "Safe: a known category"),
    choice("clever", "Clever: a new angle on a known category"),
    choice("bold", "Bold: a category of your own"),
];

const COMPETITOR_FIELDS: &[Field] = &[
    text("name", "Name").required(),
    url("website", "Website"),
    one_of("kind", "Kind", COMPETITOR_KINDS),
    texts("strengths", "Strengths").at_most(5),
    texts("weaknesses", "Weaknesses").at_most(5),
];

const AXIS_FIELDS: &[Field] = &[
    text("axis", "Axis").required().placeholder("Ease of use"),
    integer("us", "You", 0, 10),
    integer("them", "They", 0, 10),
    text("competitor", "Competitor"),
];

pub(super) const COMPETITORS: Step = Step {
    number: 11,
    slug: Slug::new("competitors"),
    title: "Competitors",
    phase: 3,
    minutes: 6,
    help: "What customers would use if you did not exist, doing nothing included.",
    optional: false,
    fields: &[objects("competitors", "Competitors", "competitor", COMPETITOR_FIELDS).at_least(1).at_most(12).required()],
};

pub(super) const POSITIONING: Step = Step {
    number: 12,
    slug: Slug::new("positioning"),
    title: "Positioning",
    phase: 3,
    minutes: 6,
    help: "The category you want to win and the reason you will.",
    optional: false,
    fields: &[
        text("category", "Category").at_most(120).required(),
        one_of("category_path", "Path", CATEGORY_PATHS).required(),
        long_text("positioning_statement", "Positioning statement")
            .at_least(15)
            .at_most(500)
            .required()
            .placeholder("For … who …, … is the … that …"),
        long_text("differentiation", "Differentiation").at_most(300).required(),
        objects("axes", "Axes", "axis", AXIS_FIELDS).at_most(4),
    ],
};

pub(super) const MARKET_SIZE: Step = Step {
    number: 13,
    slug: Slug::new("market-size"),
    title: "Market size",
    phase: 3,
    minutes: 4,
    help: "How large the market is, from everyone down to those you can win soon.",
    optional: true,
    fields: &[
        currency("currency", "Currency"),
        year("year", "Year", 1900, 20),
        amount("tam", "Total market").help("In minor units, such as paise or cents."),
        amount("sam", "Market you can serve").help("At most the total market."),
        amount("som", "Market you can win").help("At most the market you can serve."),
        texts("geographies", "Geographies"),
        texts("verticals", "Verticals"),
        text("source", "Source"),
    ],
};
