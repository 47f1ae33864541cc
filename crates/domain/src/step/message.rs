//! Phase 5: how the company sounds, what it says and what it never says.

use super::{
    Field, Slug, Step,
    kind::{Choice, choice, long_text, objects, one_of, text, texts, texts_of},
};

const SOUNDBITE_STATES: &[Choice] = &[choice("draft", "Draft"), choice("approved", "Approved")];

const VALUE_FIELDS: &[Field] = &[text("value", "Value").required(), text("description", "What it means")];

const KEY_MESSAGE_FIELDS: &[Field] =
    &[text("title", "Title").required(), long_text("content", "Message").required(), text("audience", "Audience")];

const SOUNDBITE_FIELDS: &[Field] =
    &[text("text", "Soundbite").at_least(5).at_most(300).required(), one_of("status", "Status", SOUNDBITE_STATES)];

pub(super) const BRAND: Step = Step {
    number: 16,
    slug: Slug::new("brand"),
    title: "Brand",
    phase: 5,
    minutes: 4,
    help: "What you stand for and how you sound.",
    optional: false,
    fields: &[
        objects("values", "Values", "value", VALUE_FIELDS).at_least(1).at_most(8).required(),
        texts("personality", "Personality").at_most(6),
        texts("tone", "Tone of voice").at_least(1).at_most(6).required(),
    ],
};

pub(super) const MESSAGING: Step = Step {
    number: 17,
    slug: Slug::new("messaging"),
    title: "Messaging",
    phase: 5,
    minutes: 7,
    help: "The sentences you want repeated.",
    optional: false,
    fields: &[
        text("one_liner", "One-liner").at_most(160).required(),
        objects("key_messages", "Key messages", "message", KEY_MESSAGE_FIELDS).at_least(1).at_most(8).required(),
        texts("taglines", "Taglines").at_most(5),
        texts("proof_points", "Proof points").at_most(10),
    ],
};

pub(super) const GUARDRAILS: Step = Step {
    number: 18,
    slug: Slug::new("guardrails"),
    title: "Guardrails",
    phase: 5,
    minutes: 4,
    help: "What every text must do, and what none may.",
    optional: false,
    fields: &[
        texts("dos", "Always").at_least(1).at_most(10).required(),
        texts("donts", "Never").at_least(1).at_most(10).required(),
        texts_of("banned_phrases", "Banned phrases", 40).at_most(50).help("At most 40 characters each, the most important first."),
    ],
};

pub(super) const SOUNDBITES: Step = Step {
    number: 19,
    slug: Slug::new("soundbites"),
    title: "Soundbites",
    phase: 5,
    minutes: 3,
    help: "Ready lines for posts, decks and calls.",
    optional: true,
    fields: &[objects("soundbites", "Soundbites", "soundbite", SOUNDBITE_FIELDS).at_most(20)],
};
