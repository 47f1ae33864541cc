//! Which answer becomes which part of the content, and what it is worth.
//!
//! Weights follow the priority of the sections: customer profiles, messaging, competitive, brand,
//! market and channels, the rest.

use serde_json::Value;

/// A top-level part of the content and the step it comes from.
pub(super) struct Rule {
    /// The path of the object that holds the members; empty for the content itself.
    pub(super) into: &'static [&'static str],
    /// The slug of the step.
    pub(super) step: &'static str,
    /// The weight of the section.
    pub(super) weight: u64,
    /// What is taken from the answer.
    pub(super) members: &'static [Member],
}

/// A member of an object of the content.
pub(super) struct Member {
    /// Its key in the content.
    pub(super) to: &'static str,
    /// Its key in the answer.
    pub(super) from: &'static str,
    /// What it is worth within its object, 1 to 10.
    pub(super) worth: u64,
    /// What it holds.
    pub(super) shape: Shape,
}

/// What a member holds.
pub(super) enum Shape {
    /// A text that may be cut.
    Text,
    /// A text without which a manifest says nothing; always present.
    Identity,
    /// A number or a text that is wrong when cut: codes, dates, URLs.
    Exact,
    /// A list of texts that may be cut.
    Texts,
    /// The banned phrases: texts that may not be cut, in their order.
    Banned,
    /// A list of texts made of one member of each object.
    TextOf(&'static str),
    /// A list of objects that satisfy the condition; the first member is what an item cannot do without.
    Objects(fn(&Value) -> bool, &'static [Member]),
    /// The customer profiles, ranked.
    Profiles(&'static [Member]),
}

const fn text(to: &'static str, from: &'static str, worth: u64) -> Member {
    Member { to, from, worth, shape: Shape::Text }
}

const fn identity(to: &'static str, from: &'static str) -> Member {
    Member { to, from, worth: 10, shape: Shape::Identity }
}

const fn exact(to: &'static str, from: &'static str, worth: u64) -> Member {
    Member { to, from, worth, shape: Shape::Exact }
}

const fn texts(to: &'static str, from: &'static str, worth: u64) -> Member {
    Member { to, from, worth, shape: Shape::Texts }
}

const fn objects(to: &'static str, from: &'static str, worth: u64, members: &'static [Member]) -> Member {
    Member { to, from, worth, shape: Shape::Objects(any, members) }
}

fn any(_: &Value) -> bool {
    true
}

fn is_confirmed(fact: &Value) -> bool {
    fact.get("status").and_then(Value::as_str) == Some("confirmed")
}

fn is_unresolved(contradiction: &Value) -> bool {
    contradiction.get("resolution").is_none()
}

pub(super) const ICPS: u64 = 60;
pub(super) const MESSAGING: u64 = 50;
const COMPETITIVE: u64 = 40;
const BRAND: u64 = 30;
const MARKET: u64 = 20;
const REST: u64 = 10;

pub(super) const RULES: &[Rule] = &[
    Rule {
        into: &["company"],
        step: "company",
        weight: REST,
        members: &[
            identity("name", "company_name"),
            exact("industry", "industry", 9),
            exact("stage", "stage", 6),
            text("description", "description", 10),
            exact("website", "website", 3),
            exact("founded_year", "founded_year", 3),
            exact("employee_count", "employee_count", 3),
            text("headquarters", "headquarters", 4),
        ],
    },
    Rule {
        into: &["offer"],
        step: "value-proposition",
        weight: REST,
        members: &[
            identity("value_proposition", "value_proposition"),
            text("core_promise", "core_promise", 8),
            texts("differentiators", "differentiators", 7),
        ],
    },
    Rule { into: &["offer"], step: "problem", weight: REST, members: &[text("problem", "problem_statement", 10)] },
    Rule { into: &["offer"], step: "solution", weight: REST, members: &[text("solution", "solution", 10)] },
    Rule {
        into: &["offer"],
        step: "offer",
        weight: REST,
        members: &[text("deliverable", "core_deliverable", 7), text("outcome", "promised_outcome", 8)],
    },
    Rule { into: &["offer"], step: "revenue-model", weight: REST, members: &[exact("revenue_model", "revenue_model", 6)] },
    Rule {
        into: &["offer"],
        step: "pricing",
        weight: REST,
        members: &[objects(
            "pricing",
            "price_points",
            8,
            &[
                text("name", "name", 10),
                exact("amount_minor", "amount_minor", 9),
                exact("currency", "currency", 9),
                exact("interval", "interval", 8),
            ],
        )],
    },
    Rule {
        into: &[],
        step: "icps",
        weight: ICPS,
        members: &[Member {
            to: "icps",
            from: "icps",
            worth: 10,
            shape: Shape::Profiles(&[
                text("name", "name", 10),
                text("description", "description", 8),
                text("role", "role", 8),
                text("company_size", "company_size", 6),
                text("vertical", "vertical", 6),
                texts("geographies", "geographies", 4),
                objects("pains", "pains", 9, &[text("text", "text", 10), exact("severity", "severity", 3)]),
                objects("goals", "goals", 8, &[text("text", "text", 10), exact("priority", "priority", 3)]),
                objects("objections", "objections", 7, &[text("text", "text", 10), text("response", "response", 8)]),
                texts("triggers", "triggers", 6),
                texts("channels", "channels", 5),
            ]),
        }],
    },
    Rule {
        into: &["messaging"],
        step: "messaging",
        weight: MESSAGING,
        members: &[
            identity("one_liner", "one_liner"),
            objects(
                "key_messages",
                "key_messages",
                9,
                &[text("title", "title", 10), text("content", "content", 9), text("audience", "audience", 4)],
            ),
            texts("taglines", "taglines", 6),
            texts("proof_points", "proof_points", 7),
        ],
    },
    Rule {
        into: &["messaging", "guardrails"],
        step: "guardrails",
        weight: MESSAGING,
        members: &[
            texts("dos", "dos", 8),
            texts("donts", "donts", 9),
            Member { to: "banned_phrases", from: "banned_phrases", worth: 10, shape: Shape::Banned },
        ],
    },
    Rule {
        into: &["messaging"],
        step: "soundbites",
        weight: MESSAGING,
        members: &[Member { to: "soundbites", from: "soundbites", worth: 4, shape: Shape::TextOf("text") }],
    },
    Rule {
        into: &["competitive"],
        step: "positioning",
        weight: COMPETITIVE,
        members: &[
            text("category", "category", 10),
            exact("path", "category_path", 6),
            text("statement", "positioning_statement", 9),
            text("differentiation", "differentiation", 9),
            objects(
                "axes",
                "axes",
                5,
                &[text("axis", "axis", 10), exact("us", "us", 8), exact("them", "them", 8), text("competitor", "competitor", 6)],
            ),
        ],
    },
    Rule {
        into: &["competitive"],
        step: "competitors",
        weight: COMPETITIVE,
        members: &[objects(
            "competitors",
            "competitors",
            8,
            &[text("name", "name", 10), exact("kind", "kind", 4), texts("strengths", "strengths", 6), texts("weaknesses", "weaknesses", 7)],
        )],
    },
    Rule {
        into: &["brand"],
        step: "brand",
        weight: BRAND,
        members: &[
            objects("values", "values", 8, &[text("value", "value", 10), text("description", "description", 6)]),
            texts("personality", "personality", 7),
            texts("tone", "tone", 10),
        ],
    },
    Rule {
        into: &[],
        step: "channels",
        weight: MARKET,
        members: &[objects(
            "channels",
            "channels",
            10,
            &[text("name", "name", 10), exact("kind", "kind", 6), exact("priority", "priority", 7)],
        )],
    },
    Rule {
        into: &["market"],
        step: "market-size",
        weight: MARKET,
        members: &[
            exact("currency", "currency", 6),
            exact("year", "year", 5),
            exact("tam", "tam", 7),
            exact("sam", "sam", 7),
            exact("som", "som", 7),
            texts("geographies", "geographies", 7),
            texts("verticals", "verticals", 7),
        ],
    },
    Rule {
        into: &["goals"],
        step: "goals",
        weight: REST,
        members: &[
            objects(
                "short_term",
                "short_term_goals",
                9,
                &[text("title", "title", 10), text("metric", "metric", 6), text("target", "target", 8), exact("due", "due", 6)],
            ),
            texts("long_term", "long_term_goals", 7),
            objects(
                "kpis",
                "kpis",
                7,
                &[text("name", "name", 10), text("current", "current", 7), text("target", "target", 8), text("unit", "unit", 6)],
            ),
        ],
    },
    Rule {
        into: &[],
        step: "facts",
        weight: REST,
        members: &[Member {
            to: "facts",
            from: "facts",
            worth: 8,
            shape: Shape::Objects(is_confirmed, &[text("label", "label", 10), text("value", "value", 10), text("category", "category", 4)]),
        }],
    },
    Rule {
        into: &[],
        step: "integrity",
        weight: REST,
        members: &[Member {
            to: "contradictions",
            from: "contradictions",
            worth: 6,
            shape: Shape::Objects(
                is_unresolved,
                &[text("statement", "statement", 10), text("conflicts_with", "conflicts_with", 10), exact("severity", "severity", 5)],
            ),
        }],
    },
    Rule {
        into: &[],
        step: "constraints",
        weight: REST,
        members: &[objects(
            "risks",
            "risks",
            6,
            &[
                text("title", "title", 10),
                exact("probability", "probability", 5),
                exact("impact", "impact", 5),
                text("mitigation", "mitigation", 7),
            ],
        )],
    },
];
