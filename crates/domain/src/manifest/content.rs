//! The hashed part of a manifest. Empty members are left out; text is the answers' text, whole or cut.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a part of the content: every member may be absent and is left out when it is empty.
macro_rules! parts {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_empty")] pub $field: $kind,)+
        }
    )+};
}

fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

parts! {
    /// The whole content.
    Content {
        /// The version of this shape.
        schema_version: String,
        /// Who the company is.
        company: Company,
        /// What it sells.
        offer: Offer,
        /// Up to three ideal customer profiles, the surest first.
        icps: Vec<Icp>,
        /// What it is compared with.
        competitive: Competitive,
        /// How it sounds.
        brand: Brand,
        /// What it says and never says.
        messaging: Messaging,
        /// Where it is to be seen.
        channels: Vec<Channel>,
        /// How large its market is.
        market: Market,
        /// What it wants to reach.
        goals: Goals,
        /// Confirmed facts.
        facts: Vec<Fact>,
        /// Contradictions without a resolution.
        contradictions: Vec<Contradiction>,
        /// What may go wrong.
        risks: Vec<Risk>,
    }

    /// Who the company is.
    Company {
        /// Its name.
        name: Option<String>,
        /// Its web address.
        website: Option<String>,
        /// Its industry, by code.
        industry: Option<String>,
        /// Its stage, by code.
        stage: Option<String>,
        /// What it does.
        description: Option<String>,
        /// The year it was founded in.
        founded_year: Option<i64>,
        /// How many people work there.
        employee_count: Option<i64>,
        /// Where it is at home.
        headquarters: Option<String>,
    }

    /// What the company sells.
    Offer {
        /// Why a customer should choose it.
        value_proposition: Option<String>,
        /// The promise it always keeps.
        core_promise: Option<String>,
        /// What sets it apart.
        differentiators: Vec<String>,
        /// The problem it takes away.
        problem: Option<String>,
        /// How it does so.
        solution: Option<String>,
        /// What the customer gets.
        deliverable: Option<String>,
        /// What that leads to.
        outcome: Option<String>,
        /// How money comes in, by code.
        revenue_model: Option<String>,
        /// What it costs.
        pricing: Vec<Price>,
    }

    /// A price.
    Price {
        /// What is priced.
        name: Option<String>,
        /// The amount in minor units of the currency.
        amount_minor: Option<i64>,
        /// An ISO 4217 code.
        currency: Option<String>,
        /// `one_time`, `month` or `year`.
        interval: Option<String>,
    }

    /// An ideal customer profile.
    Icp {
        /// Its name.
        name: Option<String>,
        /// The person's role.
        role: Option<String>,
        /// Who that is.
        description: Option<String>,
        /// The size of their company.
        company_size: Option<String>,
        /// Their industry.
        vertical: Option<String>,
        /// Where they are.
        geographies: Vec<String>,
        /// What hurts them.
        pains: Vec<Pain>,
        /// What they want.
        goals: Vec<IcpGoal>,
        /// What holds them back.
        objections: Vec<Objection>,
        /// What makes them buy.
        triggers: Vec<String>,
        /// Where to reach them.
        channels: Vec<String>,
        /// How much the profile holds, per mille.
        confidence: Option<u16>,
    }

    /// A pain of a profile.
    Pain {
        /// What hurts.
        text: Option<String>,
        /// 1 to 10.
        severity: Option<i64>,
    }

    /// A goal of a profile.
    IcpGoal {
        /// What they want.
        text: Option<String>,
        /// `low`, `medium` or `high`.
        priority: Option<String>,
    }

    /// An objection of a profile.
    Objection {
        /// What holds them back.
        text: Option<String>,
        /// What to answer.
        response: Option<String>,
    }

    /// What the company is compared with.
    Competitive {
        /// The category it wants to win.
        category: Option<String>,
        /// `safe`, `clever` or `bold`.
        path: Option<String>,
        /// The positioning statement.
        statement: Option<String>,
        /// Why it is different.
        differentiation: Option<String>,
        /// The alternatives.
        competitors: Vec<Competitor>,
        /// Comparisons on a scale.
        axes: Vec<Axis>,
    }

    /// An alternative to the company.
    Competitor {
        /// Its name.
        name: Option<String>,
        /// `direct`, `indirect` or `status_quo`.
        kind: Option<String>,
        /// What it does well.
        strengths: Vec<String>,
        /// What it does badly.
        weaknesses: Vec<String>,
    }

    /// A comparison on a scale.
    Axis {
        /// What is compared.
        axis: Option<String>,
        /// The company, 0 to 10.
        us: Option<i64>,
        /// The other, 0 to 10.
        them: Option<i64>,
        /// Who the other is.
        competitor: Option<String>,
    }

    /// How the company sounds.
    Brand {
        /// What it stands for.
        values: Vec<BrandValue>,
        /// Its character.
        personality: Vec<String>,
        /// Its tone of voice.
        tone: Vec<String>,
    }

    /// A value of the brand.
    BrandValue {
        /// Its name.
        value: Option<String>,
        /// What it means.
        description: Option<String>,
    }

    /// What the company says and never says.
    Messaging {
        /// The company in one line.
        one_liner: Option<String>,
        /// The messages to repeat.
        key_messages: Vec<KeyMessage>,
        /// Taglines.
        taglines: Vec<String>,
        /// Ready lines.
        soundbites: Vec<String>,
        /// What proves it.
        proof_points: Vec<String>,
        /// The rules for every text.
        guardrails: Guardrails,
    }

    /// A message to repeat.
    KeyMessage {
        /// Its title.
        title: Option<String>,
        /// The message.
        content: Option<String>,
        /// Whom it is for.
        audience: Option<String>,
    }

    /// The rules for every text.
    Guardrails {
        /// What it must do.
        dos: Vec<String>,
        /// What it may not do.
        donts: Vec<String>,
        /// What it may never contain, the most important first.
        banned_phrases: Vec<String>,
    }

    /// A place to be seen.
    Channel {
        /// Its name.
        name: Option<String>,
        /// Its kind, by code.
        kind: Option<String>,
        /// `primary`, `secondary` or `experimental`.
        priority: Option<String>,
    }

    /// How large the market is.
    Market {
        /// The ISO 4217 code of the amounts.
        currency: Option<String>,
        /// The year of the amounts.
        year: Option<i64>,
        /// Everyone, in minor units.
        tam: Option<i64>,
        /// Those who can be served, in minor units.
        sam: Option<i64>,
        /// Those who can be won, in minor units.
        som: Option<i64>,
        /// Where the market is.
        geographies: Vec<String>,
        /// Its industries.
        verticals: Vec<String>,
    }

    /// What the company wants to reach.
    Goals {
        /// In months.
        short_term: Vec<Goal>,
        /// In years.
        long_term: Vec<String>,
        /// The figures it watches.
        kpis: Vec<Kpi>,
    }

    /// A goal.
    Goal {
        /// What it is.
        title: Option<String>,
        /// What it is measured by.
        metric: Option<String>,
        /// What is to be reached.
        target: Option<String>,
        /// By when.
        due: Option<String>,
    }

    /// A figure to watch.
    Kpi {
        /// Its name.
        name: Option<String>,
        /// Where it is.
        current: Option<String>,
        /// Where it should be.
        target: Option<String>,
        /// What it is counted in.
        unit: Option<String>,
    }

    /// A confirmed fact.
    Fact {
        /// What it is about.
        category: Option<String>,
        /// Its name.
        label: Option<String>,
        /// Its value.
        value: Option<String>,
    }

    /// Two statements that do not agree.
    Contradiction {
        /// The one.
        statement: Option<String>,
        /// The other.
        conflicts_with: Option<String>,
        /// `low`, `medium`, `high` or `critical`.
        severity: Option<String>,
    }

    /// What may go wrong.
    Risk {
        /// What it is.
        title: Option<String>,
        /// `low`, `medium` or `high`.
        probability: Option<String>,
        /// `low`, `medium` or `high`.
        impact: Option<String>,
        /// What is done about it.
        mitigation: Option<String>,
    }
}
