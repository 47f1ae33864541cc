//! Identifiers. Those that we make are UUIDs of version 7; a [`UserId`] is whatever UUID the identity provider made.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: a UUID of version 7, so that ids made later sort later.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps an id that already exists.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, for SQL and headers.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// A workspace: the tenant.
    WorkspaceId;
    /// A user of the identity provider; not made by us, so of any UUID version.
    UserId;
    /// A payment order of ours.
    OrderId;
    /// A refund of an order.
    RefundId;
    /// The subscription of a workspace.
    SubscriptionId;
    /// A mandate to debit a payer.
    MandateId;
    /// An invoice or a credit note.
    InvoiceId;
    /// An event: the outbox row's event id and the consumer's idempotency key.
    EventId;
    /// A finalized business context.
    ContextId;
    /// A job that a request started and whose progress can be followed.
    JobId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_we_make_are_uuids_of_version_7_and_sort_by_age() {
        let (first, second) = (OrderId::generate(), OrderId::generate());
        assert_eq!(first.as_uuid().get_version_num(), 7);
        assert!(first < second);
    }

    #[test]
    fn an_id_is_its_uuid_in_text_and_json() {
        let id = WorkspaceId::generate();
        let text = id.as_uuid().to_string();
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(serde_json::to_value(id).unwrap(), text);
        assert!("not-an-id".parse::<WorkspaceId>().is_err());
    }
}
