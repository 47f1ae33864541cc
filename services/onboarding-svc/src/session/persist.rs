//! Writing edits to the rows, with the progress and the event that follow from them.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{ids::WorkspaceId, onboarding::Act};

use super::{Revised, Steps, Summary};
use crate::{
    standing::{ChangeError, Onboarding, store_and_tell},
    store,
};

/// Writes steps of an onboarding that the caller has locked, and what follows: `unlocked` becomes `in_progress`,
/// `completed` becomes `reopened`, and a changed number of finished steps is told. `revisions` are those that led there, which the
/// history keeps.
pub(crate) async fn persist(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    onboarding: &mut Onboarding,
    steps: &Steps,
    revisions: &[Revised],
) -> Result<(), ChangeError> {
    let before = Summary::of(&store::draft::states(connection, onboarding.workspace).await?);
    for (slug, step) in steps {
        store::draft::write(connection, onboarding.workspace, *slug, step).await?;
        onboarding.active(step.updated_at);
    }
    store::revision::add(connection, onboarding.workspace, revisions).await?;
    onboarding.apply(Act::Edited)?;
    let after = Summary::of(&store::draft::states(connection, onboarding.workspace).await?);
    store_and_tell(connection, now, onboarding, before != after).await
}

/// What a write-behind did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The rows have all steps of this epoch.
    Done {
        /// The epoch.
        epoch: i64,
    },
    /// The steps belong to an epoch that is over: nothing was written.
    Fenced,
}

/// Writes steps that were edited in Redis under `epoch`.
pub(crate) async fn persist_cached(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    epoch: i64,
    steps: &Steps,
    revisions: &[Revised],
) -> Result<Written, ChangeError> {
    let Some(mut onboarding) = store::onboarding::lock(connection, workspace).await? else { return Ok(Written::Fenced) };
    if !onboarding.drafts_in_redis || onboarding.draft_epoch != epoch {
        return Ok(Written::Fenced);
    }
    persist(connection, now, &mut onboarding, steps, revisions).await?;
    Ok(Written::Done { epoch })
}
