//! The unlock: once per workspace, by the first completed payment or trial.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::ids::{EventId, OrderId, SubscriptionId, WorkspaceId};
use serde_json::json;
use service_kit::audit;
use uuid::Uuid;

use super::{ChangeError, store_and_tell, take};
use crate::store;

/// What unlocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A completed payment.
    Payment(OrderId),
    /// A trial that started.
    Trial(SubscriptionId),
}

impl Source {
    /// The name in the proof and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Payment(_) => "payment",
            Self::Trial(_) => "trial",
        }
    }

    const fn id(self) -> Uuid {
        match self {
            Self::Payment(order) => order.as_uuid(),
            Self::Trial(subscription) => subscription.as_uuid(),
        }
    }
}

/// Unlocks the workspace unless it is; tells whether it did. Behind the inbox stand two unique keys of the proof: one
/// unlock per workspace, one per source.
pub(crate) async fn unlock(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    source: Source,
    event: EventId,
) -> Result<bool, ChangeError> {
    let mut onboarding = take(connection, workspace, now).await?;
    if onboarding.unlocked.is_some() || !store::unlock::insert(connection, workspace, source.as_str(), source.id(), event, now).await? {
        return Ok(false);
    }
    onboarding.unlocked = Some((source.id(), now));
    store_and_tell(connection, now, &mut onboarding, false).await?;
    let entry = audit::Entry {
        workspace: Some(workspace),
        actor: None,
        action: "onboarding.unlock",
        resource: &format!("onboarding/{workspace}"),
        outcome: "done",
        request_id: None,
        detail: json!({"source": source.as_str(), "source_id": source.id()}),
    };
    audit::record(connection, now, &entry).await?;
    Ok(true)
}
