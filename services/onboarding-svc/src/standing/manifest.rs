//! What became of a finalized context.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    ids::WorkspaceId,
    onboarding::{Act, Progress},
};

use super::{ChangeError, store_and_tell, take};

/// The answer to `onboarding.finalized`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The manifest exists.
    Generated,
    /// No manifest could be made, for this reason.
    Failed(String),
}

/// Completes the onboarding, or gives it back to the members with the reason. News of anything but the context that
/// is being waited for (a rebuild, an older context, a repeat) changes nothing.
pub(crate) async fn conclude(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    context_number: u64,
    outcome: Outcome,
) -> Result<(), ChangeError> {
    let mut onboarding = take(connection, workspace, now).await?;
    if onboarding.progress != Progress::Finalizing || onboarding.context_number != Some(context_number) {
        return Ok(());
    }
    match outcome {
        Outcome::Generated => onboarding.apply(Act::ManifestGenerated)?,
        Outcome::Failed(reason) => {
            onboarding.apply(Act::GenerationFailed)?;
            onboarding.failure_reason = Some(reason);
        }
    }
    store_and_tell(connection, now, &mut onboarding, false).await?;
    service_kit::kill_point!("F3");
    Ok(())
}
