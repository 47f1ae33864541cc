//! What the events carry. Field names are JSON names; times are UTC; amounts are paise.

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{OrderId, SubscriptionId, UserId, WorkspaceId};
use crate::manifest::Reason;
use crate::money::{Currency, Paise};
use crate::onboarding::OnboardingStatus;
use crate::plan::{Cycle, Entitlements, PlanCode};
use crate::role::Role;
use crate::subscription::SubscriptionState;

/// A member of an enumeration that may grow within a major version: a value this build does not know is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Open<T> {
    /// A value of this build's enumeration.
    Known(T),
    /// A value that a newer producer added.
    Unknown(String),
}

impl<T: Copy> Open<T> {
    /// The value, if this build knows it.
    pub const fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: fmt::Display> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

/// A workspace exists, with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceProvisioned {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its first owner.
    pub owner_id: UserId,
    /// Its name.
    pub name: String,
    /// Its unique address part.
    pub slug: String,
}

/// A workspace that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceDeleted {
    /// The workspace.
    pub workspace_id: WorkspaceId,
}

/// A membership after the change; for a removal, the role that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberChanged {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The member.
    pub user_id: UserId,
    /// The role.
    pub role: Open<Role>,
}

/// An order after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentEvent {
    /// The workspace that pays.
    pub workspace_id: WorkspaceId,
    /// The order.
    pub order_id: OrderId,
    /// The plan that was ordered.
    pub plan: Open<PlanCode>,
    /// The cycle that was ordered.
    pub cycle: Open<Cycle>,
    /// What was asked, or for a refund what was given back, in the currency's minor unit.
    pub amount: Paise,
    /// The currency.
    pub currency: Open<Currency>,
    /// The provider's own reference, once it gave one.
    pub provider_reference: Option<String>,
    /// Why it failed, for a failure.
    pub failure: Option<String>,
}

/// The whole subscription after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionEvent {
    /// The workspace that subscribes.
    pub workspace_id: WorkspaceId,
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// The plan of the present period.
    pub plan: Open<PlanCode>,
    /// The cycle of the present period.
    pub cycle: Open<Cycle>,
    /// Where the subscription stands.
    pub status: Open<SubscriptionState>,
    /// When the present period began.
    pub period_start: DateTime<Utc>,
    /// When the present period ends.
    pub period_end: DateTime<Utc>,
    /// When the grace ends, if one runs.
    pub grace_end: Option<DateTime<Utc>>,
    /// What the plan allows.
    pub entitlements: Entitlements,
}

/// The whole progress of an onboarding after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnboardingEvent {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The status.
    pub status: Open<OnboardingStatus>,
    /// Steps completed or skipped.
    pub steps_done: u32,
    /// All steps.
    pub steps_total: u32,
    /// `steps_done` ÷ `steps_total`, 0 to 100.
    pub percent: u8,
    /// The slug of the first step that is not done.
    pub next_step: Option<String>,
}

/// The answers were finalized; the event carries all of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnboardingFinalized {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// 1, 2, 3 … per workspace.
    pub context_number: u64,
    /// SHA-256 of the RFC 8785 form of `context`, lower-case hex.
    pub context_sha256: String,
    /// Who finalized.
    pub finalized_by: UserId,
    /// The business context (`urn:groundwork:schema:business-context:1`).
    pub context: Value,
}

/// Answers never reach a log, so the context is left out.
impl fmt::Debug for OnboardingFinalized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingFinalized")
            .field("workspace_id", &self.workspace_id)
            .field("context_number", &self.context_number)
            .field("context_sha256", &self.context_sha256)
            .field("finalized_by", &self.finalized_by)
            .finish_non_exhaustive()
    }
}

/// A version of the manifest exists and is the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestGenerated {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Semantic version.
    pub version: String,
    /// 1, 2, 3 … per workspace.
    pub sequence: u64,
    /// SHA-256 of the canonical content, lower-case hex.
    pub checksum: String,
    /// Tokens of the canonical content (`cl100k`).
    pub token_count: u32,
    /// How complete the answers are, 0 to 100.
    pub completion_percent: u8,
    /// Why it was made.
    pub reason: Open<Reason>,
    /// The business context it was made from.
    pub context_number: u64,
    /// When it was made.
    pub generated_at: DateTime<Utc>,
}

/// No manifest could be made from a business context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestGenerationFailed {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The business context.
    pub context_number: u64,
    /// Why, in words for the user.
    pub reason: String,
}

/// An older version's content is current again, as a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestRolledBack {
    /// The new version.
    #[serde(flatten)]
    pub manifest: ManifestGenerated,
    /// The version whose content it repeats.
    pub rolled_back_to: String,
}
