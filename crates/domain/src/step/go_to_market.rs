//! Phase 6: where to be seen, what to reach and what stands in the way.

use super::{
    Field, Slug, Step,
    kind::{Choice, choice, confirmation, date, integer, long_text, money, objects, one_of, text, texts},
};

const CHANNEL_KINDS: &[Choice] = &[
    choice("website", "Website"),
    choice("social_media", "Social media"),
    choice("email", "E-mail"),
    choice("paid_search", "Paid search"),
    choice("organic_search", "Organic search"),
    choice("content_marketing", "Content marketing"),
    choice("direct_sales", "Direct sales"),
    choice("partnerships", "Partnerships"),
    choice("events", "Events"),
    choice("pr_media", "PR and media"),
    choice("referrals", "Referrals"),
    choice("advertising", "Advertising"),
];

const CHANNEL_PRIORITIES: &[Choice] =
    &[choice("primary", "Primary"), choice("secondary", "Secondary"), choice("experimental", "Experimental")];

const LEVELS: &[Choice] = &[choice("low", "Low"), choice("medium", "Medium"), choice("high", "High")];

const CHANNEL_FIELDS: &[Field] = &[
    text("name", "Name").required().placeholder("LinkedIn"),
    one_of("kind", "Kind", CHANNEL_KINDS),
    one_of("priority", "Priority", CHANNEL_PRIORITIES),
];

const GOAL_FIELDS: &[Field] =
    &[text("title", "Goal").required(), text("metric", "Measured by"), text("target", "Target"), date("due", "Due")];

const KPI_FIELDS: &[Field] = &[text("name", "Name").required(), text("current", "Today"), text("target", "Target"), text("unit", "Unit")];

const RISK_FIELDS: &[Field] = &[
    text("title", "Risk").required(),
    one_of("probability", "Probability", LEVELS),
    one_of("impact", "Impact", LEVELS),
    text("mitigation", "Mitigation"),
];

pub(super) const CHANNELS: Step = Step {
    number: 20,
    slug: Slug::new("channels"),
    title: "Channels",
    phase: 6,
    minutes: 3,
    help: "Where your customers already are.",
    optional: false,
    fields: &[objects("channels", "Channels", "channel", CHANNEL_FIELDS).at_least(1).at_most(12).required()],
};

pub(super) const GOALS: Step = Step {
    number: 21,
    slug: Slug::new("goals"),
    title: "Goals",
    phase: 6,
    minutes: 5,
    help: "What must be true in three months, and in three years.",
    optional: false,
    fields: &[
        objects("short_term_goals", "Short-term goals", "goal", GOAL_FIELDS).at_least(1).at_most(6).required(),
        texts("long_term_goals", "Long-term goals").at_most(6),
        objects("kpis", "Key figures", "key figure", KPI_FIELDS).at_most(10),
    ],
};

pub(super) const CONSTRAINTS: Step = Step {
    number: 22,
    slug: Slug::new("constraints"),
    title: "Constraints",
    phase: 6,
    minutes: 4,
    help: "Risks and limits a plan has to respect.",
    optional: true,
    fields: &[
        objects("risks", "Risks", "risk", RISK_FIELDS).at_most(10),
        money("monthly_budget", "Monthly budget"),
        integer("team_size", "Team size", 1, 1_000_000),
        texts("constraints", "Constraints").at_most(10),
    ],
};

pub(super) const REVIEW: Step = Step {
    number: 23,
    slug: Slug::new("review"),
    title: "Review",
    phase: 6,
    minutes: 3,
    help: "Read everything once more, then confirm.",
    optional: false,
    fields: &[confirmation("confirmed", "Everything above is right").required(), long_text("notes", "Notes").at_most(1000)],
};
