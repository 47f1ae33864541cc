//! Putting sessions away. Nothing is lost by it: the rows keep the answers, and the next edit brings the session back.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::WorkspaceId,
    onboarding::{Act, OnboardingStatus},
};
use serde_json::json;
use service_kit::audit::{self, Author};

use super::{Part, remind::is_silent};
use crate::{
    OnboardingService,
    session::flush::flush,
    standing::{ChangeError, store_and_tell},
    store,
};

/// Why a session was not put away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// There is none.
    #[error("the workspace has no onboarding")]
    NotFound,
    /// Its status does not allow it.
    #[error("an onboarding that is {0} cannot be archived: only one that is unlocked or in progress can")]
    NotOpen(OnboardingStatus),
    /// The change could not be stored.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<diesel::result::Error> for ArchiveError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Change(error.into())
    }
}

/// Puts away what nobody has touched for long.
pub(super) async fn archive_abandoned(app: &OnboardingService) -> Result<Part, ChangeError> {
    let since = app.kit.clock.now() - TimeDelta::days(i64::from(app.config.cleanup.archive_after_days));
    let due = {
        let mut connection = app.kit.worker_db.get().await?;
        store::onboarding::silent(&mut connection, since, None).await?
    };
    let part = Part { more: due.len() == store::onboarding::BATCH };
    for workspace in due {
        match archive(app, workspace, Some(since), None, false).await {
            // Or somebody was at work meanwhile.
            Ok(_) | Err(ArchiveError::NotFound | ArchiveError::NotOpen(_)) => {}
            Err(ArchiveError::Change(error)) => return Err(error),
        }
    }
    Ok(part)
}

/// Puts a session away: only if it was silent `since` then, when that is asked. Answers the last edit. A dry run only looks.
pub(crate) async fn archive(
    app: &OnboardingService,
    workspace: WorkspaceId,
    since: Option<DateTime<Utc>>,
    author: Option<&Author>,
    dry_run: bool,
) -> Result<DateTime<Utc>, ArchiveError> {
    let now = app.kit.clock.now();
    if !dry_run && let Err(error) = flush(app, &app.kit.worker_db, workspace, None).await {
        tracing::debug!(workspace_id = %workspace, error = %error, "a session is put away without a last write-behind");
    }
    let mut connection = app.kit.worker_db.get().await.map_err(ChangeError::from)?;
    let (last, over) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let mut onboarding = store::onboarding::lock(connection, workspace).await?.ok_or(ArchiveError::NotFound)?;
            let status = onboarding.status(now);
            if !is_silent(&onboarding, since.unwrap_or(now), now) {
                return Err(ArchiveError::NotOpen(status));
            }
            let (last, over) = (onboarding.last_activity_at, onboarding.draft_epoch);
            if dry_run {
                return Ok((last, None));
            }
            onboarding.apply(Act::Archived).map_err(ChangeError::from)?;
            onboarding.draft_epoch += 1;
            onboarding.drafts_in_redis = false;
            store_and_tell(connection, now, &mut onboarding, false).await?;
            let (resource, detail) = (format!("onboarding/{workspace}"), json!({"status": status, "last_activity_at": last}));
            let mut entry = match author {
                Some(author) => author.entry("onboarding.archive", &resource, "done", detail),
                None => audit::Entry {
                    workspace: None,
                    actor: None,
                    action: "onboarding.archive",
                    resource: &resource,
                    outcome: "done",
                    request_id: None,
                    detail,
                },
            };
            entry.workspace = Some(workspace);
            audit::record(connection, now, &entry).await?;
            Ok::<_, ArchiveError>((last, Some(over)))
        })
        .await?;
    app.forget(workspace);
    if let Some(epoch) = over {
        app.metrics.cleanups.with_label_values(&["archived"]).inc();
        if let Err(error) = app.drafts.discard(workspace, epoch).await {
            // The raised epoch fences what stays there.
            tracing::debug!(workspace_id = %workspace, error = %error, "the session in Redis was not cleared");
        }
    }
    Ok(last)
}
