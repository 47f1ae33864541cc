// Generated from crates/domain/src/step: `UPDATE_SCHEMAS=1 cargo test -p domain --test steps` writes it anew.

/** The version of the steps. */
export const SCHEMA_VERSION = "2026.11";

/** The steps, in order. */
export const STEP_SLUGS = [
  "company",
  "value-proposition",
  "evidence",
  "integrity",
  "facts",
  "problem",
  "solution",
  "offer",
  "revenue-model",
  "pricing",
  "competitors",
  "positioning",
  "market-size",
  "icps",
  "buying-journey",
  "brand",
  "messaging",
  "guardrails",
  "soundbites",
  "channels",
  "goals",
  "constraints",
  "review",
] as const;

/** The name of a step, as it stands in routes. */
export type StepSlug = (typeof STEP_SLUGS)[number];

/** A currency by its ISO 4217 code. */
export type Currency = "AED" | "AFN" | "ALL" | "AMD" | "AOA" | "ARS" | "AUD" | "AWG" | "AZN" | "BAM" | "BBD" | "BDT" | "BGN" | "BHD" | "BIF" | "BMD" | "BND" | "BOB" | "BRL" | "BSD" | "BTN" | "BWP" | "BYN" | "BZD" | "CAD" | "CDF" | "CHF" | "CLP" | "CNY" | "COP" | "CRC" | "CUP" | "CVE" | "CZK" | "DJF" | "DKK" | "DOP" | "DZD" | "EGP" | "ERN" | "ETB" | "EUR" | "FJD" | "FKP" | "GBP" | "GEL" | "GHS" | "GIP" | "GMD" | "GNF" | "GTQ" | "GYD" | "HKD" | "HNL" | "HTG" | "HUF" | "IDR" | "ILS" | "INR" | "IQD" | "IRR" | "ISK" | "JMD" | "JOD" | "JPY" | "KES" | "KGS" | "KHR" | "KMF" | "KPW" | "KRW" | "KWD" | "KYD" | "KZT" | "LAK" | "LBP" | "LKR" | "LRD" | "LSL" | "LYD" | "MAD" | "MDL" | "MGA" | "MKD" | "MMK" | "MNT" | "MOP" | "MRU" | "MUR" | "MVR" | "MWK" | "MXN" | "MYR" | "MZN" | "NAD" | "NGN" | "NIO" | "NOK" | "NPR" | "NZD" | "OMR" | "PAB" | "PEN" | "PGK" | "PHP" | "PKR" | "PLN" | "PYG" | "QAR" | "RON" | "RSD" | "RUB" | "RWF" | "SAR" | "SBD" | "SCR" | "SDG" | "SEK" | "SGD" | "SHP" | "SLE" | "SOS" | "SRD" | "SSP" | "STN" | "SYP" | "SZL" | "THB" | "TJS" | "TMT" | "TND" | "TOP" | "TRY" | "TTD" | "TWD" | "TZS" | "UAH" | "UGX" | "USD" | "UYU" | "UZS" | "VED" | "VES" | "VND" | "VUV" | "WST" | "XAF" | "XCD" | "XOF" | "XPF" | "YER" | "ZAR" | "ZMW" | "ZWG";

/** One entry of a closed list. */
export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** What a field holds and how far it goes. */
export type Kind =
  | { readonly kind: "text"; readonly min: number; readonly max: number }
  | { readonly kind: "long_text"; readonly min: number; readonly max: number }
  | { readonly kind: "url"; readonly max_bytes: number }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "year"; readonly min: number; readonly years_ahead: number }
  | { readonly kind: "number"; readonly min: number; readonly max: number }
  | { readonly kind: "amount"; readonly max: number }
  | { readonly kind: "money"; readonly max: number }
  | { readonly kind: "currency" }
  | { readonly kind: "boolean"; readonly must_be_true: boolean }
  | { readonly kind: "enum"; readonly options: readonly Choice[] }
  | { readonly kind: "date" }
  | { readonly kind: "text_list"; readonly min_items: number; readonly max_items: number; readonly max: number }
  | { readonly kind: "object_list"; readonly min_items: number; readonly max_items: number; readonly item: string; readonly fields: readonly Field[] };

/** One field of a step, or of an object in a list. */
export type Field = Kind & {
  readonly name: string;
  readonly label: string;
  readonly help?: string;
  readonly placeholder?: string;
  readonly required: boolean;
};

/** A group of steps under one title. */
export interface Phase {
  readonly number: number;
  readonly title: string;
}

/** One step: one page of the form, one answer. */
export interface Step {
  readonly number: number;
  readonly slug: StepSlug;
  readonly title: string;
  readonly phase: number;
  readonly minutes: number;
  readonly help: string;
  readonly optional: boolean;
  readonly fields: readonly Field[];
}

/** What `GET /api/onboarding/steps` answers. */
export interface Definition {
  readonly schema_version: string;
  readonly phases: readonly Phase[];
  readonly steps: readonly Step[];
}

/** An amount in minor units, such as paise. */
export interface Money {
  amount_minor: number;
  currency: Currency;
}

/** 1. Company: Who you are. Everything else builds on this. */
export interface CompanyAnswer {
  /** Company name. 2 to 120 characters. */
  company_name: string;
  /** Website. At most 2048 bytes. */
  website?: string;
  /** Industry */
  industry: "technology" | "healthcare" | "finance" | "retail" | "manufacturing" | "education" | "real_estate" | "entertainment" | "food_beverage" | "transportation" | "energy" | "consulting" | "media" | "agriculture" | "construction" | "other";
  /** Stage */
  stage: "pre_seed" | "seed" | "series_a" | "series_b" | "series_c" | "growth" | "mature" | "enterprise";
  /** What the company does. Two or three sentences a stranger would understand. 20 to 1000 characters. */
  description: string;
  /** Founded in. From 1800 to next year. */
  founded_year?: number;
  /** Employees. 1 to 1000000. */
  employee_count?: number;
  /** Headquarters. At most 120 characters. */
  headquarters?: string;
}

/** 2. Value proposition: Why a customer should choose you, in their words rather than yours. */
export interface ValuePropositionAnswer {
  /** Value proposition. 10 to 500 characters. */
  value_proposition: string;
  /** Core promise. The one thing you always keep. At most 200 characters. */
  core_promise?: string;
  /** What sets you apart. At most 8 of at most 200 characters. */
  differentiators?: string[];
}

/** 3. Evidence: Links and notes that back up what you say: case studies, reviews, numbers, press. */
export interface EvidenceAnswer {
  /** Evidence. At most 25. */
  evidence?: {
    /** Kind */
    kind?: "url" | "note";
    /** Title. At most 200 characters. */
    title: string;
    /** Link. At most 2048 bytes. */
    url?: string;
    /** Note. At most 1000 characters. */
    note?: string;
    /** Category. At most 200 characters. */
    category?: string;
  }[];
}

/** 4. Contradictions: Places where your materials disagree with each other, and which side is right. */
export interface IntegrityAnswer {
  /** Contradictions. At most 20. */
  contradictions?: {
    /** Statement. At most 200 characters. */
    statement: string;
    /** Conflicts with. At most 200 characters. */
    conflicts_with: string;
    /** Severity */
    severity?: "low" | "medium" | "high" | "critical";
    /** Resolution. A critical contradiction needs one. At most 200 characters. */
    resolution?: string;
  }[];
}

/** 5. Facts: Checked statements about the company. Only confirmed ones reach the manifest. */
export interface FactsAnswer {
  /** Facts. At most 50. */
  facts?: {
    /** Category. At most 200 characters. */
    category?: string;
    /** Fact. At most 200 characters. */
    label: string;
    /** Value. At most 200 characters. */
    value: string;
    /** Confidence. From 0, a guess, to 1, certain. 0 to 1. */
    confidence?: number;
    /** Status */
    status?: "confirmed" | "needs_review" | "rejected";
  }[];
}

/** 6. Problem: What hurts before you arrive. */
export interface ProblemAnswer {
  /** The problem. 20 to 1000 characters. */
  problem_statement: string;
  /** Severity. From 1, an annoyance, to 10, unbearable. 1 to 10. */
  severity?: number;
  /** Who has it. At most 8 of at most 200 characters. */
  affected_groups?: string[];
}

/** 7. Solution: How you take the problem away. */
export interface SolutionAnswer {
  /** The solution. 20 to 1000 characters. */
  solution: string;
  /** Features. At most 12 of at most 200 characters. */
  features?: string[];
  /** Benefits. At most 12 of at most 200 characters. */
  benefits?: string[];
}

/** 8. Offer: What the customer gets, and what changes for them. */
export interface OfferAnswer {
  /** What you deliver. At most 300 characters. */
  core_deliverable: string;
  /** What it leads to. At most 300 characters. */
  promised_outcome: string;
  /** Time until it pays off. At most 120 characters. */
  time_to_value?: string;
  /** Guarantees. At most 5 of at most 200 characters. */
  guarantees?: string[];
}

/** 9. Revenue model: How money comes in. */
export interface RevenueModelAnswer {
  /** Revenue model */
  revenue_model: "recurring" | "one_time" | "usage" | "marketplace" | "advertising" | "hybrid";
  /** Revenue streams. At most 8 of at most 200 characters. */
  revenue_streams?: string[];
}

/** 10. Pricing: How you set prices, and what they are. */
export interface PricingAnswer {
  /** Pricing strategy. At most 500 characters. */
  pricing_strategy: string;
  /** Prices. At most 8. */
  price_points?: {
    /** Name. At most 200 characters. */
    name: string;
    /** Amount. In minor units, such as paise or cents. */
    amount_minor: number;
    /** Currency */
    currency: Currency;
    /** Charged */
    interval?: "one_time" | "month" | "year";
  }[];
}

/** 11. Competitors: What customers would use if you did not exist, doing nothing included. */
export interface CompetitorsAnswer {
  /** Competitors. 1 to 12. */
  competitors: {
    /** Name. At most 200 characters. */
    name: string;
    /** Website. At most 2048 bytes. */
    website?: string;
    /** Kind */
    kind?: "direct" | "indirect" | "status_quo";
    /** Strengths. At most 5 of at most 200 characters. */
    strengths?: string[];
    /** Weaknesses. At most 5 of at most 200 characters. */
    weaknesses?: string[];
  }[];
}

/** 12. Positioning: The category you want to win and the reason you will. */
export interface PositioningAnswer {
  /** Category. At most 120 characters. */
  category: string;
  /** Path */
  category_path: "safe" | "clever" | "bold";
  /** Positioning statement. 15 to 500 characters. */
  positioning_statement: string;
  /** Differentiation. At most 300 characters. */
  differentiation: string;
  /** Axes. At most 4. */
  axes?: {
    /** Axis. At most 200 characters. */
    axis: string;
    /** You. 0 to 10. */
    us?: number;
    /** They. 0 to 10. */
    them?: number;
    /** Competitor. At most 200 characters. */
    competitor?: string;
  }[];
}

/** 13. Market size: How large the market is, from everyone down to those you can win soon. */
export interface MarketSizeAnswer {
  /** Currency */
  currency?: Currency;
  /** Year. From 1900 to 20 years ahead. */
  year?: number;
  /** Total market. In minor units, such as paise or cents. */
  tam?: number;
  /** Market you can serve. At most the total market. */
  sam?: number;
  /** Market you can win. At most the market you can serve. */
  som?: number;
  /** Geographies. At most 12 of at most 200 characters. */
  geographies?: string[];
  /** Verticals. At most 12 of at most 200 characters. */
  verticals?: string[];
  /** Source. At most 200 characters. */
  source?: string;
}

/** 14. Ideal customers: One to three customers worth building everything around. */
export interface IcpsAnswer {
  /** Ideal customer profiles. 1 to 3. */
  icps: {
    /** Name. At most 200 characters. */
    name: string;
    /** Role. At most 200 characters. */
    role?: string;
    /** Description. 10 to 1000 characters. */
    description: string;
    /** Company size. At most 200 characters. */
    company_size?: string;
    /** Vertical. At most 200 characters. */
    vertical?: string;
    /** Geographies. At most 12 of at most 200 characters. */
    geographies?: string[];
    /** Pains. At most 12. */
    pains?: {
      /** Pain. At most 200 characters. */
      text: string;
      /** Severity. 1 to 10. */
      severity?: number;
    }[];
    /** Goals. At most 12. */
    goals?: {
      /** Goal. At most 200 characters. */
      text: string;
      /** Priority */
      priority?: "low" | "medium" | "high";
    }[];
    /** Objections. At most 12. */
    objections?: {
      /** Objection. At most 200 characters. */
      text: string;
      /** Your response. At most 200 characters. */
      response?: string;
    }[];
    /** Buying triggers. At most 12 of at most 200 characters. */
    triggers?: string[];
    /** Where you reach them. At most 12 of at most 200 characters. */
    channels?: string[];
  }[];
}

/** 15. Buying journey: Who decides, on what, and how long it takes. */
export interface BuyingJourneyAnswer {
  /** Decision makers. At most 12 of at most 200 characters. */
  decision_makers?: string[];
  /** Decision factors. At most 12 of at most 200 characters. */
  decision_factors?: string[];
  /** Market sophistication. From 1, never heard of it, to 5, has seen it all. 1 to 5. */
  market_sophistication?: number;
  /** Length of a sale in days. 1 to 3650. */
  cycle_days?: number;
}

/** 16. Brand: What you stand for and how you sound. */
export interface BrandAnswer {
  /** Values. 1 to 8. */
  values: {
    /** Value. At most 200 characters. */
    value: string;
    /** What it means. At most 200 characters. */
    description?: string;
  }[];
  /** Personality. At most 6 of at most 200 characters. */
  personality?: string[];
  /** Tone of voice. 1 to 6 of at most 200 characters. */
  tone: string[];
}

/** 17. Messaging: The sentences you want repeated. */
export interface MessagingAnswer {
  /** One-liner. At most 160 characters. */
  one_liner: string;
  /** Key messages. 1 to 8. */
  key_messages: {
    /** Title. At most 200 characters. */
    title: string;
    /** Message. At most 200 characters. */
    content: string;
    /** Audience. At most 200 characters. */
    audience?: string;
  }[];
  /** Taglines. At most 5 of at most 200 characters. */
  taglines?: string[];
  /** Proof points. At most 10 of at most 200 characters. */
  proof_points?: string[];
}

/** 18. Guardrails: What every text must do, and what none may. */
export interface GuardrailsAnswer {
  /** Always. 1 to 10 of at most 200 characters. */
  dos: string[];
  /** Never. 1 to 10 of at most 200 characters. */
  donts: string[];
  /** Banned phrases. At most 40 characters each, the most important first. At most 50 of at most 40 characters. */
  banned_phrases?: string[];
}

/** 19. Soundbites: Ready lines for posts, decks and calls. */
export interface SoundbitesAnswer {
  /** Soundbites. At most 20. */
  soundbites?: {
    /** Soundbite. 5 to 300 characters. */
    text: string;
    /** Status */
    status?: "draft" | "approved";
  }[];
}

/** 20. Channels: Where your customers already are. */
export interface ChannelsAnswer {
  /** Channels. 1 to 12. */
  channels: {
    /** Name. At most 200 characters. */
    name: string;
    /** Kind */
    kind?: "website" | "social_media" | "email" | "paid_search" | "organic_search" | "content_marketing" | "direct_sales" | "partnerships" | "events" | "pr_media" | "referrals" | "advertising";
    /** Priority */
    priority?: "primary" | "secondary" | "experimental";
  }[];
}

/** 21. Goals: What must be true in three months, and in three years. */
export interface GoalsAnswer {
  /** Short-term goals. 1 to 6. */
  short_term_goals: {
    /** Goal. At most 200 characters. */
    title: string;
    /** Measured by. At most 200 characters. */
    metric?: string;
    /** Target. At most 200 characters. */
    target?: string;
    /** Due */
    due?: string;
  }[];
  /** Long-term goals. At most 6 of at most 200 characters. */
  long_term_goals?: string[];
  /** Key figures. At most 10. */
  kpis?: {
    /** Name. At most 200 characters. */
    name: string;
    /** Today. At most 200 characters. */
    current?: string;
    /** Target. At most 200 characters. */
    target?: string;
    /** Unit. At most 200 characters. */
    unit?: string;
  }[];
}

/** 22. Constraints: Risks and limits a plan has to respect. */
export interface ConstraintsAnswer {
  /** Risks. At most 10. */
  risks?: {
    /** Risk. At most 200 characters. */
    title: string;
    /** Probability */
    probability?: "low" | "medium" | "high";
    /** Impact */
    impact?: "low" | "medium" | "high";
    /** Mitigation. At most 200 characters. */
    mitigation?: string;
  }[];
  /** Monthly budget */
  monthly_budget?: Money;
  /** Team size. 1 to 1000000. */
  team_size?: number;
  /** Constraints. At most 10 of at most 200 characters. */
  constraints?: string[];
}

/** 23. Review: Read everything once more, then confirm. */
export interface ReviewAnswer {
  /** Everything above is right */
  confirmed: true;
  /** Notes. At most 1000 characters. */
  notes?: string;
}

/** A complete answer to each step. */
export interface Answers {
  "company": CompanyAnswer;
  "value-proposition": ValuePropositionAnswer;
  "evidence": EvidenceAnswer;
  "integrity": IntegrityAnswer;
  "facts": FactsAnswer;
  "problem": ProblemAnswer;
  "solution": SolutionAnswer;
  "offer": OfferAnswer;
  "revenue-model": RevenueModelAnswer;
  "pricing": PricingAnswer;
  "competitors": CompetitorsAnswer;
  "positioning": PositioningAnswer;
  "market-size": MarketSizeAnswer;
  "icps": IcpsAnswer;
  "buying-journey": BuyingJourneyAnswer;
  "brand": BrandAnswer;
  "messaging": MessagingAnswer;
  "guardrails": GuardrailsAnswer;
  "soundbites": SoundbitesAnswer;
  "channels": ChannelsAnswer;
  "goals": GoalsAnswer;
  "constraints": ConstraintsAnswer;
  "review": ReviewAnswer;
}

/** Answers as they are saved while somebody types: any field may be missing, also in the items of lists. */
export type Draft<S extends StepSlug> = {
  [F in keyof Answers[S]]?: Answers[S][F] extends readonly (infer Item)[] | undefined
    ? (Item extends object ? Partial<Item> : Item)[]
    : Answers[S][F] extends Money | undefined ? Partial<Money> : Answers[S][F];
};
