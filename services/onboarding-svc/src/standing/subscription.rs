//! The subscription suspends and resumes.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{event::SubscriptionEvent, onboarding::SubscriptionFact};

use super::{ChangeError, store_and_tell, take};

/// Takes over the whole subscription of an event, unless a later one was taken already.
pub(crate) async fn take_over(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    event: &SubscriptionEvent,
    sequence: i64,
) -> Result<(), ChangeError> {
    let mut onboarding = take(connection, event.workspace_id, now).await?;
    if sequence <= onboarding.subscription_sequence {
        return Ok(());
    }
    let Some(state) = event.status.known() else {
        tracing::warn!(workspace_id = %event.workspace_id, status = %event.status, "a subscription status that this build does not know is ignored");
        return Ok(());
    };
    onboarding.subscription = Some(SubscriptionFact { state, period_end: event.period_end, grace_end: event.grace_end });
    onboarding.subscription_sequence = sequence;
    store_and_tell(connection, now, &mut onboarding, false).await
}
