// Generated from deploy/schemas/manifest.1.json: npm run types.

/**
 * A user of the identity provider; not made by us, so of any UUID version.
 */
export type UserId = string;

/**
 * A version of a workspace's manifest.
 */
export interface Manifest {
  record: Record;
  content: Content;
}
/**
 * What is known about this version; not hashed.
 */
export interface Record {
  /**
   * The workspace.
   */
  workspace_id: string;
  /**
   * 1, 2, 3 … in the workspace.
   */
  sequence: number;
  /**
   * What kind of change it is, compared with the one before.
   */
  version: string;
  /**
   * The SHA-256 of the canonical content.
   */
  checksum: string;
  /**
   * The size of the canonical content in bytes.
   */
  size: number;
  source: Source;
  /**
   * When it was made.
   */
  generated_at: string;
  /**
   * Who asked for it; absent when a consumer made it on its own.
   */
  generated_by?: UserId | null;
  /**
   * Why it was made.
   */
  reason: "onboarding" | "rebuild" | "rollback" | "edit";
  meta: Meta;
}
/**
 * What it was made from.
 */
export interface Source {
  /**
   * The number of the business context.
   */
  context_number: number;
  /**
   * The SHA-256 of that context.
   */
  context_sha256: string;
  /**
   * The version of the reducer.
   */
  reducer_version: string;
  /**
   * The name of the reducer's policy, such as `cl100k/1200`.
   */
  policy: string;
}
/**
 * How well it fits its budget and how much the answers hold.
 */
export interface Meta {
  /**
   * Steps with an answer as a whole percentage of all.
   */
  completion_percent: number;
  /**
   * The tokens of the canonical content.
   */
  token_count: number;
  /**
   * The most tokens the policy allows.
   */
  token_budget: number;
  /**
   * What the budget or the rules left out or shortened, by pointer.
   */
  trims: Trim[];
  /**
   * What was not answered: `slug` for a whole step, `slug/field` for a field of an answered one.
   */
  missing: string[];
  /**
   * How many pieces of evidence the answers hold.
   */
  evidence_count: number;
}
/**
 * One thing that the content does not hold in full.
 */
export interface Trim {
  /**
   * A JSON pointer into the content as it would be without a budget.
   */
  pointer: string;
  /**
   * What happened to it.
   */
  action: "dropped" | "shortened" | "low_confidence";
}
/**
 * What is hashed, served and given to prompts.
 */
export interface Content {
  /**
   * The version of this shape.
   */
  schema_version?: string;
  company?: Company;
  offer?: Offer;
  /**
   * Up to three ideal customer profiles, the surest first.
   */
  icps?: Icp[];
  competitive?: Competitive;
  brand?: Brand;
  messaging?: Messaging;
  /**
   * Where it is to be seen.
   */
  channels?: Channel[];
  market?: Market;
  goals?: Goals;
  /**
   * Confirmed facts.
   */
  facts?: Fact[];
  /**
   * Contradictions without a resolution.
   */
  contradictions?: Contradiction[];
  /**
   * What may go wrong.
   */
  risks?: Risk[];
}
/**
 * Who the company is.
 */
export interface Company {
  /**
   * Its name.
   */
  name?: string | null;
  /**
   * Its web address.
   */
  website?: string | null;
  /**
   * Its industry, by code.
   */
  industry?: string | null;
  /**
   * Its stage, by code.
   */
  stage?: string | null;
  /**
   * What it does.
   */
  description?: string | null;
  /**
   * The year it was founded in.
   */
  founded_year?: number | null;
  /**
   * How many people work there.
   */
  employee_count?: number | null;
  /**
   * Where it is at home.
   */
  headquarters?: string | null;
}
/**
 * What it sells.
 */
export interface Offer {
  /**
   * Why a customer should choose it.
   */
  value_proposition?: string | null;
  /**
   * The promise it always keeps.
   */
  core_promise?: string | null;
  /**
   * What sets it apart.
   */
  differentiators?: string[];
  /**
   * The problem it takes away.
   */
  problem?: string | null;
  /**
   * How it does so.
   */
  solution?: string | null;
  /**
   * What the customer gets.
   */
  deliverable?: string | null;
  /**
   * What that leads to.
   */
  outcome?: string | null;
  /**
   * How money comes in, by code.
   */
  revenue_model?: string | null;
  /**
   * What it costs.
   */
  pricing?: Price[];
}
/**
 * A price.
 */
export interface Price {
  /**
   * What is priced.
   */
  name?: string | null;
  /**
   * The amount in minor units of the currency.
   */
  amount_minor?: number | null;
  /**
   * An ISO 4217 code.
   */
  currency?: string | null;
  /**
   * `one_time`, `month` or `year`.
   */
  interval?: string | null;
}
/**
 * An ideal customer profile.
 */
export interface Icp {
  /**
   * Its name.
   */
  name?: string | null;
  /**
   * The person's role.
   */
  role?: string | null;
  /**
   * Who that is.
   */
  description?: string | null;
  /**
   * The size of their company.
   */
  company_size?: string | null;
  /**
   * Their industry.
   */
  vertical?: string | null;
  /**
   * Where they are.
   */
  geographies?: string[];
  /**
   * What hurts them.
   */
  pains?: Pain[];
  /**
   * What they want.
   */
  goals?: IcpGoal[];
  /**
   * What holds them back.
   */
  objections?: Objection[];
  /**
   * What makes them buy.
   */
  triggers?: string[];
  /**
   * Where to reach them.
   */
  channels?: string[];
  /**
   * How much the profile holds, per mille.
   */
  confidence?: number | null;
}
/**
 * A pain of a profile.
 */
export interface Pain {
  /**
   * What hurts.
   */
  text?: string | null;
  /**
   * 1 to 10.
   */
  severity?: number | null;
}
/**
 * A goal of a profile.
 */
export interface IcpGoal {
  /**
   * What they want.
   */
  text?: string | null;
  /**
   * `low`, `medium` or `high`.
   */
  priority?: string | null;
}
/**
 * An objection of a profile.
 */
export interface Objection {
  /**
   * What holds them back.
   */
  text?: string | null;
  /**
   * What to answer.
   */
  response?: string | null;
}
/**
 * What it is compared with.
 */
export interface Competitive {
  /**
   * The category it wants to win.
   */
  category?: string | null;
  /**
   * `safe`, `clever` or `bold`.
   */
  path?: string | null;
  /**
   * The positioning statement.
   */
  statement?: string | null;
  /**
   * Why it is different.
   */
  differentiation?: string | null;
  /**
   * The alternatives.
   */
  competitors?: Competitor[];
  /**
   * Comparisons on a scale.
   */
  axes?: Axis[];
}
/**
 * An alternative to the company.
 */
export interface Competitor {
  /**
   * Its name.
   */
  name?: string | null;
  /**
   * `direct`, `indirect` or `status_quo`.
   */
  kind?: string | null;
  /**
   * What it does well.
   */
  strengths?: string[];
  /**
   * What it does badly.
   */
  weaknesses?: string[];
}
/**
 * A comparison on a scale.
 */
export interface Axis {
  /**
   * What is compared.
   */
  axis?: string | null;
  /**
   * The company, 0 to 10.
   */
  us?: number | null;
  /**
   * The other, 0 to 10.
   */
  them?: number | null;
  /**
   * Who the other is.
   */
  competitor?: string | null;
}
/**
 * How it sounds.
 */
export interface Brand {
  /**
   * What it stands for.
   */
  values?: BrandValue[];
  /**
   * Its character.
   */
  personality?: string[];
  /**
   * Its tone of voice.
   */
  tone?: string[];
}
/**
 * A value of the brand.
 */
export interface BrandValue {
  /**
   * Its name.
   */
  value?: string | null;
  /**
   * What it means.
   */
  description?: string | null;
}
/**
 * What it says and never says.
 */
export interface Messaging {
  /**
   * The company in one line.
   */
  one_liner?: string | null;
  /**
   * The messages to repeat.
   */
  key_messages?: KeyMessage[];
  /**
   * Taglines.
   */
  taglines?: string[];
  /**
   * Ready lines.
   */
  soundbites?: string[];
  /**
   * What proves it.
   */
  proof_points?: string[];
  guardrails?: Guardrails;
}
/**
 * A message to repeat.
 */
export interface KeyMessage {
  /**
   * Its title.
   */
  title?: string | null;
  /**
   * The message.
   */
  content?: string | null;
  /**
   * Whom it is for.
   */
  audience?: string | null;
}
/**
 * The rules for every text.
 */
export interface Guardrails {
  /**
   * What it must do.
   */
  dos?: string[];
  /**
   * What it may not do.
   */
  donts?: string[];
  /**
   * What it may never contain, the most important first.
   */
  banned_phrases?: string[];
}
/**
 * A place to be seen.
 */
export interface Channel {
  /**
   * Its name.
   */
  name?: string | null;
  /**
   * Its kind, by code.
   */
  kind?: string | null;
  /**
   * `primary`, `secondary` or `experimental`.
   */
  priority?: string | null;
}
/**
 * How large its market is.
 */
export interface Market {
  /**
   * The ISO 4217 code of the amounts.
   */
  currency?: string | null;
  /**
   * The year of the amounts.
   */
  year?: number | null;
  /**
   * Everyone, in minor units.
   */
  tam?: number | null;
  /**
   * Those who can be served, in minor units.
   */
  sam?: number | null;
  /**
   * Those who can be won, in minor units.
   */
  som?: number | null;
  /**
   * Where the market is.
   */
  geographies?: string[];
  /**
   * Its industries.
   */
  verticals?: string[];
}
/**
 * What it wants to reach.
 */
export interface Goals {
  /**
   * In months.
   */
  short_term?: Goal[];
  /**
   * In years.
   */
  long_term?: string[];
  /**
   * The figures it watches.
   */
  kpis?: Kpi[];
}
/**
 * A goal.
 */
export interface Goal {
  /**
   * What it is.
   */
  title?: string | null;
  /**
   * What it is measured by.
   */
  metric?: string | null;
  /**
   * What is to be reached.
   */
  target?: string | null;
  /**
   * By when.
   */
  due?: string | null;
}
/**
 * A figure to watch.
 */
export interface Kpi {
  /**
   * Its name.
   */
  name?: string | null;
  /**
   * Where it is.
   */
  current?: string | null;
  /**
   * Where it should be.
   */
  target?: string | null;
  /**
   * What it is counted in.
   */
  unit?: string | null;
}
/**
 * A confirmed fact.
 */
export interface Fact {
  /**
   * What it is about.
   */
  category?: string | null;
  /**
   * Its name.
   */
  label?: string | null;
  /**
   * Its value.
   */
  value?: string | null;
}
/**
 * Two statements that do not agree.
 */
export interface Contradiction {
  /**
   * The one.
   */
  statement?: string | null;
  /**
   * The other.
   */
  conflicts_with?: string | null;
  /**
   * `low`, `medium`, `high` or `critical`.
   */
  severity?: string | null;
}
/**
 * What may go wrong.
 */
export interface Risk {
  /**
   * What it is.
   */
  title?: string | null;
  /**
   * `low`, `medium` or `high`.
   */
  probability?: string | null;
  /**
   * `low`, `medium` or `high`.
   */
  impact?: string | null;
  /**
   * What is done about it.
   */
  mitigation?: string | null;
}
