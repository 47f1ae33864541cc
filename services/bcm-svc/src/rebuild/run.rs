//! One job, from its claim to its end.

use std::sync::Arc;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::canonical::Checksum;
use serde_json::{Value, json};
use service_kit::db::DbError;

use crate::{
    BcmService,
    manifest::{
        ContextError, ReduceFailure,
        generate::{Cause, GenerateError, Outcome, Prepared, generate},
        open_context, reduce_aside,
    },
    store::{
        job::{self, Job},
        source,
    },
};

/// Attempts before a job that keeps failing is given up.
const ATTEMPTS: i32 = 5;

/// Why a job did not succeed this time.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// Can never succeed; the text is for the one who asked.
    #[error("{0}")]
    Permanent(&'static str),
    /// May succeed later.
    #[error("{0}")]
    Transient(String),
    /// The lease was lost: whoever has it goes on.
    #[error("another runner has the job")]
    Overtaken,
}

impl From<DbError> for RunError {
    fn from(error: DbError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<diesel::result::Error> for RunError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<GenerateError> for RunError {
    fn from(error: GenerateError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<ContextError> for RunError {
    fn from(error: ContextError) -> Self {
        tracing::error!(%error, "a kept context cannot be read");
        Self::Permanent("The stored answers cannot be read. Finalize the answers again.")
    }
}

impl From<ReduceFailure> for RunError {
    fn from(error: ReduceFailure) -> Self {
        match error {
            ReduceFailure::Refused(error) => {
                tracing::error!(%error, "a kept context cannot be reduced");
                Self::Permanent("The stored answers cannot be made into a manifest.")
            }
            ReduceFailure::Stopped(_) => Self::Transient(error.to_string()),
        }
    }
}

/// Runs the oldest job that is due; `false` when there is none.
pub async fn run_next(app: &Arc<BcmService>) -> Result<bool, DbError> {
    let mut connection = app.kit.worker_db.get().await?;
    let Some(job) = job::claim(&mut connection).await? else { return Ok(false) };
    drop(connection);
    match run(app, &job).await {
        Ok(outcome) => {
            app.metrics.generated("rebuild", outcome.as_str());
            app.tiers.announce(job.workspace()).await;
        }
        Err(RunError::Overtaken) => {}
        Err(RunError::Transient(error)) if job.attempts < ATTEMPTS => {
            tracing::warn!(job = %job.id(), error, "a rebuild failed and will be tried again");
            let mut connection = app.kit.worker_db.get().await?;
            job::postpone(&mut connection, &job, job.attempts * 2).await?;
        }
        Err(error) => {
            tracing::error!(job = %job.id(), %error, "a rebuild failed");
            app.metrics.generated("rebuild", "failed");
            let reason = match error {
                RunError::Permanent(reason) => reason,
                _ => "The manifest could not be made again just now.",
            };
            let mut connection = app.kit.worker_db.get().await?;
            let result = json!({ "outcome": "failed", "error": reason });
            job::finish(&mut connection, &job, "failed", &result, app.kit.clock.now()).await?;
        }
    }
    Ok(true)
}

async fn run(app: &Arc<BcmService>, job: &Job) -> Result<Outcome, RunError> {
    let (workspace, policy) = (job.workspace(), app.config.manifest.policy);
    let mut connection = app.kit.worker_db.get().await?;
    let kept = source::latest(&mut connection, workspace).await?;
    drop(connection);
    let kept = kept.ok_or(RunError::Permanent("There are no finalized answers to build from."))?;
    let context = open_context(&kept.bytes, &kept.sha256)?;
    let reduced = reduce_aside(context, policy, &app.metrics).await?;
    let prepared = Prepared { workspace, number: kept.number, sha256: Checksum::of(&kept.bytes), policy, reduced };
    let cause = Cause::Rebuild { job: job.id().as_uuid(), by: job.requested_by() };
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let outcome = generate(connection, now, &prepared, cause, &app.metrics).await?;
            if outcome == Outcome::Superseded {
                return Err(RunError::Transient("a newer context arrived meanwhile".into()));
            }
            if !job::finish(connection, job, "succeeded", &result(&outcome), now).await? {
                return Err(RunError::Overtaken);
            }
            Ok(outcome)
        })
        .await
}

fn result(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::New(record) | Outcome::Unchanged(record) => json!({
            "outcome": outcome.as_str(),
            "version": record.version,
            "sequence": record.sequence,
            "checksum": record.checksum,
        }),
        Outcome::Superseded | Outcome::Repeated => json!({ "outcome": outcome.as_str() }),
    }
}
