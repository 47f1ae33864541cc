//! Phase 4: the ideal customer profiles and how they buy.

use super::{
    Field, Slug, Step,
    kind::{Choice, choice, integer, long_text, objects, one_of, text, texts},
};

const PRIORITIES: &[Choice] = &[choice("low", "Low"), choice("medium", "Medium"), choice("high", "High")];

const PAIN_FIELDS: &[Field] = &[text("text", "Pain").required(), integer("severity", "Severity", 1, 10)];

const GOAL_FIELDS: &[Field] = &[text("text", "Goal").required(), one_of("priority", "Priority", PRIORITIES)];

const OBJECTION_FIELDS: &[Field] = &[text("text", "Objection").required(), text("response", "Your response")];

const ICP_FIELDS: &[Field] = &[
    text("name", "Name").required().placeholder("Operations head at a mid-size factory"),
    text("role", "Role"),
    long_text("description", "Description").at_least(10).at_most(1000).required(),
    text("company_size", "Company size").placeholder("50–500 employees"),
    text("vertical", "Vertical"),
    texts("geographies", "Geographies"),
    objects("pains", "Pains", "pain", PAIN_FIELDS),
    objects("goals", "Goals", "goal", GOAL_FIELDS),
    objects("objections", "Objections", "objection", OBJECTION_FIELDS),
    texts("triggers", "Buying triggers"),
    texts("channels", "Where you reach them"),
];

pub(super) const ICPS: Step = Step {
    number: 14,
    slug: Slug::new("icps"),
    title: "Ideal customers",
    phase: 4,
    minutes: 10,
    help: "One to three customers worth building everything around.",
    optional: false,
    fields: &[objects("icps", "Ideal customer profiles", "profile", ICP_FIELDS).at_least(1).at_most(3).required()],
};

pub(super) const BUYING_JOURNEY: Step = Step {
    number: 15,
    slug: Slug::new("buying-journey"),
    title: "Buying journey",
    phase: 4,
    minutes: 4,
    help: "Who decides, on what, and how long it takes.",
    optional: true,
    fields: &[
        texts("decision_makers", "Decision makers"),
        texts("decision_factors", "Decision factors"),
        integer("market_sophistication", "Market sophistication", 1, 5).help("From 1, never heard of it, to 5, has seen it all."),
        integer("cycle_days", "Length of a sale in days", 1, 3650),
    ],
};
