//! The event contracts: every type that crosses the broker, its data, its names, and how it is read.
//!
//! Within a major version changes are additive: unknown fields are ignored, unknown enumeration members become
//! [`Open::Unknown`]. The documents generated from here are committed under `deploy/schemas/`; the golden fixtures
//! of every released version are in `tests/fixtures/events/`.

mod data;
mod schema;

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use uuid::Uuid;

pub use data::{
    ManifestGenerated, ManifestGenerationFailed, ManifestRolledBack, MemberChanged, OnboardingEvent, OnboardingFinalized, Open,
    PaymentEvent, SubscriptionEvent, WorkspaceDeleted, WorkspaceProvisioned,
};
pub use schema::{asyncapi, json_schema};

use crate::ids::WorkspaceId;

/// The topic exchange all events go to.
pub const EXCHANGE: &str = "groundwork.events";

/// The largest data an event may have, in bytes.
pub const MAX_DATA_BYTES: usize = 262_144;

/// What an event is about; events of one aggregate are delivered in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// `workspace`, `order`, `subscription`, `onboarding` or `manifest`.
    pub kind: &'static str,
    /// Its id; for an onboarding or a manifest that of the workspace.
    pub id: Uuid,
}

/// Why a message is not an event of ours.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A type this build does not have. A newer producer may send it: it is to be ignored, not a defect of the message.
    #[error("the event type {0:?} is unknown")]
    UnknownType(String),
    /// A known type in a major version this build cannot read.
    #[error("major version {major} of {name} is not supported")]
    UnsupportedMajor {
        /// The type without its version.
        name: &'static str,
        /// The version found.
        major: u32,
    },
    /// The data does not fit the type.
    #[error("the data of {event_type} is malformed: {source}")]
    Malformed {
        /// The type.
        event_type: EventType,
        /// What the parser found, by line and column.
        source: serde_json::Error,
    },
}

macro_rules! events {
    ($($variant:ident($data:ty) = $name:literal, $kind:literal, $event:ident => ($workspace:expr, $id:expr), $meaning:literal;)+) => {
        /// The type of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $(#[doc = $meaning] $variant,)+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The type with its major version, which is also the routing key: `payments.payment.confirmed.v1`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => concat!($name, ".v1"),)+ }
            }

            /// The type without its version: `payments.payment.confirmed`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The name of the data's schema: `urn:groundwork:schema:event:payments.payment.confirmed:1`.
            pub const fn dataschema(self) -> &'static str {
                match self { $(Self::$variant => concat!("urn:groundwork:schema:event:", $name, ":1"),)+ }
            }

            /// The kind of aggregate it is about.
            pub const fn aggregate_kind(self) -> &'static str {
                match self { $(Self::$variant => $kind,)+ }
            }

            /// What it says, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            fn decode(self, data: &[u8]) -> Result<Event, serde_json::Error> {
                match self { $(Self::$variant => serde_json::from_slice(data).map(Event::$variant),)+ }
            }

            fn data_schema(self, generator: schemars::SchemaGenerator) -> schemars::Schema {
                match self { $(Self::$variant => generator.into_root_schema_for::<$data>(),)+ }
            }
        }

        /// An event with its data.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $(#[doc = $meaning] $variant($data),)+
        }

        impl Event {
            /// Its type.
            pub const fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType::$variant,)+ }
            }

            /// What it is about.
            pub const fn aggregate(&self) -> Aggregate {
                match self { $(Self::$variant($event) => Aggregate { kind: $kind, id: $id.as_uuid() },)+ }
            }

            /// The tenant.
            pub const fn workspace_id(&self) -> WorkspaceId {
                match self { $(Self::$variant($event) => $workspace,)+ }
            }

            fn serialised(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$variant(data) => serde_json::to_value(data),)+ }
            }
        }
    };
}

events! {
    WorkspaceProvisioned(WorkspaceProvisioned) = "identity.workspace.provisioned", "workspace", e => (e.workspace_id, e.workspace_id), "A workspace exists, with its owner.";
    WorkspaceDeleted(WorkspaceDeleted) = "identity.workspace.deleted", "workspace", e => (e.workspace_id, e.workspace_id), "A workspace is gone: what belongs to it is destroyed, but for what the law asks to keep.";
    MemberAdded(MemberChanged) = "identity.member.added", "workspace", e => (e.workspace_id, e.workspace_id), "A member was added to a workspace.";
    MemberRemoved(MemberChanged) = "identity.member.removed", "workspace", e => (e.workspace_id, e.workspace_id), "A member left a workspace or was removed.";
    MemberRoleChanged(MemberChanged) = "identity.member.role_changed", "workspace", e => (e.workspace_id, e.workspace_id), "A member has another role.";
    PaymentPending(PaymentEvent) = "payments.payment.pending", "order", e => (e.workspace_id, e.order_id), "An order waits for its payment.";
    PaymentConfirmed(PaymentEvent) = "payments.payment.confirmed", "order", e => (e.workspace_id, e.order_id), "An order was paid.";
    PaymentFailed(PaymentEvent) = "payments.payment.failed", "order", e => (e.workspace_id, e.order_id), "An order failed or expired.";
    PaymentRefunded(PaymentEvent) = "payments.payment.refunded", "order", e => (e.workspace_id, e.order_id), "An order was refunded, in full or in part.";
    SubscriptionTrialStarted(SubscriptionEvent) = "payments.subscription.trial_started", "subscription", e => (e.workspace_id, e.subscription_id), "A trial began.";
    SubscriptionActivated(SubscriptionEvent) = "payments.subscription.activated", "subscription", e => (e.workspace_id, e.subscription_id), "A subscription was paid for the first time or again after it was over.";
    SubscriptionRenewed(SubscriptionEvent) = "payments.subscription.renewed", "subscription", e => (e.workspace_id, e.subscription_id), "A further period was paid.";
    SubscriptionPastDue(SubscriptionEvent) = "payments.subscription.past_due", "subscription", e => (e.workspace_id, e.subscription_id), "A period is over and unpaid; the grace runs.";
    SubscriptionPaused(SubscriptionEvent) = "payments.subscription.paused", "subscription", e => (e.workspace_id, e.subscription_id), "The payer paused the mandate.";
    SubscriptionResumed(SubscriptionEvent) = "payments.subscription.resumed", "subscription", e => (e.workspace_id, e.subscription_id), "The payer lifted the pause, or took a cancellation back.";
    SubscriptionCanceled(SubscriptionEvent) = "payments.subscription.canceled", "subscription", e => (e.workspace_id, e.subscription_id), "A subscription will not renew.";
    SubscriptionExpired(SubscriptionEvent) = "payments.subscription.expired", "subscription", e => (e.workspace_id, e.subscription_id), "A subscription is over.";
    OnboardingUnlocked(OnboardingEvent) = "onboarding.unlocked", "onboarding", e => (e.workspace_id, e.workspace_id), "Onboarding opened, once per workspace.";
    OnboardingProgressed(OnboardingEvent) = "onboarding.progressed", "onboarding", e => (e.workspace_id, e.workspace_id), "Steps were answered, or a finalize was undone.";
    OnboardingFinalized(OnboardingFinalized) = "onboarding.finalized", "onboarding", e => (e.workspace_id, e.workspace_id), "The answers were finalized; all of them are in the event.";
    OnboardingCompleted(OnboardingEvent) = "onboarding.completed", "onboarding", e => (e.workspace_id, e.workspace_id), "The manifest of the finalized answers exists.";
    OnboardingReopened(OnboardingEvent) = "onboarding.reopened", "onboarding", e => (e.workspace_id, e.workspace_id), "A completed onboarding is edited again.";
    OnboardingSuspended(OnboardingEvent) = "onboarding.suspended", "onboarding", e => (e.workspace_id, e.workspace_id), "Onboarding rests: the subscription lapsed.";
    OnboardingResumed(OnboardingEvent) = "onboarding.resumed", "onboarding", e => (e.workspace_id, e.workspace_id), "Onboarding goes on: the subscription is back.";
    OnboardingArchived(OnboardingEvent) = "onboarding.archived", "onboarding", e => (e.workspace_id, e.workspace_id), "An abandoned onboarding was put away.";
    ManifestGenerated(ManifestGenerated) = "bcm.manifest.generated", "manifest", e => (e.workspace_id, e.workspace_id), "A version of the manifest exists and is the current one.";
    ManifestGenerationFailed(ManifestGenerationFailed) = "bcm.manifest.generation_failed", "manifest", e => (e.workspace_id, e.workspace_id), "No manifest could be made from a business context.";
    ManifestRolledBack(ManifestRolledBack) = "bcm.manifest.rolled_back", "manifest", e => (e.manifest.workspace_id, e.manifest.workspace_id), "An older content is current again, as a new version.";
}

impl EventType {
    /// The major version this build writes and reads.
    pub const MAJOR: u32 = 1;

    /// The service that sends it.
    pub fn service(self) -> &'static str {
        match self.name().split('.').next() {
            Some("identity") => "auth-svc",
            Some("payments") => "payments-svc",
            Some("onboarding") => "onboarding-svc",
            _ => "bcm-svc",
        }
    }

    /// The CloudEvents source: `/services/payments-svc`.
    pub fn source(self) -> &'static str {
        match self.service() {
            "auth-svc" => "/services/auth-svc",
            "payments-svc" => "/services/payments-svc",
            "onboarding-svc" => "/services/onboarding-svc",
            _ => "/services/bcm-svc",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = DecodeError;

    /// Reads a type with its major version.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || DecodeError::UnknownType(text.to_owned());
        let (name, major) = text.rsplit_once(".v").ok_or_else(unknown)?;
        let major = major.parse::<u32>().map_err(|_| unknown())?;
        let known = Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(unknown)?;
        if major == Self::MAJOR { Ok(known) } else { Err(DecodeError::UnsupportedMajor { name: known.name(), major }) }
    }
}

impl Event {
    /// Reads the data of an event of type `event_type` (with its major version).
    pub fn decode(event_type: &str, data: &[u8]) -> Result<Self, DecodeError> {
        let event_type: EventType = event_type.parse()?;
        event_type.decode(data).map_err(|source| DecodeError::Malformed { event_type, source })
    }

    /// Its data as JSON.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the data are structs of texts, numbers and JSON values, which always serialise"
    )]
    pub fn to_data(&self) -> Value {
        self.serialised().expect("an event's data is serialisable")
    }

    /// The CloudEvents subject: the id of the aggregate.
    pub fn subject(&self) -> String {
        self.aggregate().id.to_string()
    }

    /// The name of its data's schema.
    pub const fn dataschema(&self) -> &'static str {
        self.event_type().dataschema()
    }
}
