//! The Business Context Manifest: a record about a version and the content that is hashed.
//!
//! Only [`Content`] has a checksum: the same answers give the same content in any workspace at any time.

mod content;
mod difference;
mod outline;
mod pointer;
mod version;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use content::{
    Axis, Brand, BrandValue, Channel, Company, Competitive, Competitor, Content, Contradiction, Fact, Goal, Goals, Guardrails, Icp,
    IcpGoal, KeyMessage, Kpi, Market, Messaging, Objection, Offer, Pain, Price, Risk,
};
pub use difference::{Difference, DifferenceKind, differences};
pub use outline::{InvalidPurpose, Outline, Purpose, RENDERING, outline};
pub use pointer::is_content_pointer;
pub use version::{Change, InvalidVersion, Version, change, next_version};

use crate::{
    canonical::Checksum,
    ids::{UserId, WorkspaceId},
    step::Slug,
};

/// The name of the schema of [`Manifest`].
pub const SCHEMA: &str = "urn:groundwork:schema:manifest:1";

/// What `content.schema_version` says.
pub const CONTENT_SCHEMA_VERSION: &str = "1";

/// A version of a workspace's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("$id" = SCHEMA))]
pub struct Manifest {
    /// What is known about this version; not hashed.
    pub record: Record,
    /// What is hashed, served and given to prompts.
    pub content: Content,
}

/// What is known about a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// 1, 2, 3 … in the workspace.
    pub sequence: u64,
    /// What kind of change it is, compared with the one before.
    pub version: Version,
    /// The SHA-256 of the canonical content.
    pub checksum: Checksum,
    /// The size of the canonical content in bytes.
    pub size: u64,
    /// What it was made from.
    pub source: Source,
    /// When it was made.
    pub generated_at: DateTime<Utc>,
    /// Who asked for it; absent when a consumer made it on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_by: Option<UserId>,
    /// Why it was made.
    pub reason: Reason,
    /// How well it fits its budget and how much the answers hold.
    pub meta: Meta,
}

/// What a manifest was made from: enough to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The number of the business context.
    pub context_number: u64,
    /// The SHA-256 of that context.
    pub context_sha256: Checksum,
    /// The version of the reducer.
    pub reducer_version: String,
    /// The name of the reducer's policy, such as `cl100k/1200`.
    pub policy: String,
}

/// Why a version was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Onboarding was finalized for the first time.
    Onboarding,
    /// Someone asked to make it again from its context.
    Rebuild,
    /// An older version was brought back.
    Rollback,
    /// Answers were edited and finalized again.
    Edit,
}

impl Reason {
    /// The reason as it stands in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
            Self::Edit => "edit",
        }
    }
}

/// How well a content fits its budget and how much the answers hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meta {
    /// Steps with an answer as a whole percentage of all.
    pub completion_percent: u8,
    /// The tokens of the canonical content.
    pub token_count: u32,
    /// The most tokens the policy allows.
    pub token_budget: u32,
    /// What the budget or the rules left out or shortened, by pointer.
    pub trims: Vec<Trim>,
    /// What was not answered: `slug` for a whole step, `slug/field` for a field of an answered one.
    pub missing: Vec<String>,
    /// How many pieces of evidence the answers hold.
    pub evidence_count: u32,
}

/// One thing that the content does not hold in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trim {
    /// A JSON pointer into the content as it would be without a budget.
    pub pointer: String,
    /// What happened to it.
    pub action: TrimAction,
}

/// What happened to a part of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrimAction {
    /// It did not fit.
    Dropped,
    /// Its text was cut.
    Shortened,
    /// A customer profile with too little in it to rely on.
    LowConfidence,
}

/// The origin of each leaf of a content, by JSON pointer.
pub type Provenance = BTreeMap<String, Origin>;

/// The origin of one leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The step; absent for what the reducer itself sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Slug>,
    /// A JSON pointer into the step's answer.
    pub field: String,
    /// The number of the context the answer is in.
    pub context_number: u64,
}
