//! The write-behind: from Redis to PostgreSQL.

use chrono::DateTime;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, role::Role};
use service_kit::{
    auth::{AuthoriseError, authorise},
    cache::CacheError,
    db::Db,
};

use super::{
    Editor,
    persist::{Written, persist_cached},
};
use crate::{OnboardingService, drafts::Unsaved, standing::ChangeError, store};

/// Why a workspace was not written behind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// Redis did not say what there is to write.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// PostgreSQL did not take it.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The member in whose name it is written may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
}

impl From<diesel::result::Error> for FlushError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Change(error.into())
    }
}

/// Writes what PostgreSQL does not have of one workspace. With an `editor`, whose request waits for it, the writing
/// transaction asks for the role again.
pub(crate) async fn flush(
    app: &OnboardingService,
    db: &Db,
    workspace: WorkspaceId,
    editor: Option<&Editor>,
) -> Result<Written, FlushError> {
    let outcome = write(app, db, workspace, editor).await;
    let label = match &outcome {
        Ok(Written::Done { .. }) => "written",
        Ok(Written::Fenced) => "fenced",
        Err(_) => "failed",
    };
    app.metrics.flushes.with_label_values(&[label]).inc();
    outcome
}

async fn write(app: &OnboardingService, db: &Db, workspace: WorkspaceId, editor: Option<&Editor>) -> Result<Written, FlushError> {
    let Unsaved { epoch, steps, revisions } = app.drafts.unsaved(workspace).await?;
    let now = app.kit.clock.now();
    // Epoch 0 is a hash that is gone.
    let mut written = if epoch == 0 { Written::Fenced } else { Written::Done { epoch } };
    if !steps.is_empty() {
        let mut connection = db.get().await.map_err(ChangeError::from)?;
        written = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                if let Some(editor) = editor {
                    authorise(connection, workspace, editor.user(), Role::Member).await?;
                    store::contact::note(connection, workspace, &editor.claims, now).await?;
                }
                Ok::<_, FlushError>(persist_cached(connection, now, workspace, epoch, &steps, &revisions).await?)
            })
            .await?;
        app.forget(workspace);
    }
    let noted = match written {
        Written::Done { .. } => {
            let latest = steps.iter().map(|(slug, step)| (*slug, step.revision.n)).collect();
            app.drafts.settle(workspace, epoch, &latest).await
        }
        Written::Fenced => app.drafts.discard(workspace, epoch).await,
    };
    if let Err(error) = noted {
        // What is written once more is recognised by its revision.
        tracing::debug!(workspace_id = %workspace, error = %error, "Redis was not told what PostgreSQL has");
    }
    Ok(written)
}

/// Writes every workspace that is due.
pub(crate) async fn flush_due(app: &OnboardingService) -> Result<usize, CacheError> {
    let due = app.drafts.claim_due().await?;
    for workspace in &due {
        if let Err(error) = flush(app, &app.kit.worker_db, *workspace, None).await {
            tracing::warn!(workspace_id = %workspace, error = %error, "drafts could not be written behind and are tried again");
        }
    }
    Ok(due.len())
}

/// Measures how far PostgreSQL is behind. Of a Redis that does not answer nothing is known, and nothing is claimed: what
/// was measured last would stay an alert long after it stopped being true.
pub(crate) async fn measure(app: &OnboardingService) -> Result<usize, CacheError> {
    let backlog = app.drafts.backlog().await;
    let (dirty, due_ms) = *backlog.as_ref().unwrap_or(&(0, None));
    let now_s = app.kit.clock.now().signed_duration_since(DateTime::UNIX_EPOCH).as_seconds_f64();
    app.metrics.dirty.set(dirty);
    app.metrics.write_behind_lag.set(due_ms.map_or(0.0, |due| (now_s - due / 1000.0).max(0.0)));
    backlog.map(|_| 0)
}

#[cfg(test)]
mod tests {
    use service_kit::{Kit, Lifecycle, Service, cache::client::cmd};
    use testkit::{Database, config, redis_url};

    use super::*;

    fn app(database: &Database, redis: &str) -> OnboardingService {
        let settings = config::<OnboardingService>(database, None, &[("REDIS_URL", redis)]);
        let kit = Kit::new(OnboardingService::IDENTITY, settings.kit, Lifecycle::on_this_runtime()).unwrap();
        OnboardingService::build(kit, settings.service).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_waits_in_redis_is_measured_and_nothing_is_claimed_without_redis() {
        let database = Database::create().await;
        // Redis has one set for all workspaces: this test has a database of Redis to itself.
        let shared = redis_url();
        let (server, _) = shared.rsplit_once('/').unwrap();
        let known = app(&database, &format!("{server}/13"));
        known.kit.cache.query::<()>(&cmd("FLUSHDB")).await.unwrap();
        let now_ms = known.kit.clock.now().timestamp_millis();
        let mut waiting = cmd("ZADD");
        waiting.arg("onboarding:dirty").arg(now_ms - 60_000).arg("a").arg(now_ms + 60_000).arg("b");
        known.kit.cache.query::<()>(&waiting).await.unwrap();
        measure(&known).await.unwrap();
        assert_eq!(known.metrics.dirty.get(), 2);
        let lag = known.metrics.write_behind_lag.get();
        assert!((60.0..90.0).contains(&lag), "{lag}");
        let lost = OnboardingService { metrics: known.metrics.clone(), ..app(&database, "redis://127.0.0.1:1/0") };
        measure(&lost).await.unwrap_err();
        assert_eq!((lost.metrics.dirty.get(), lost.metrics.write_behind_lag.get()), (0, 0.0));
    }
}
