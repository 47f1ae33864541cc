//! Destroying what a service has of a deleted workspace. What exactly goes is a function of its schema, `erase_workspace`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;

use crate::{
    db::{Db, DbError, sql_query},
    kit::Kit,
};

const EVERY: Duration = Duration::from_secs(600);
/// An event that was dead for longer must not be replayed (inbox retention).
const REPEATED_FOR: TimeDelta = TimeDelta::days(90);

/// Destroys it, in the caller's transaction. What is written late goes when the job repeats it.
///
/// # Errors
/// When the database does not answer.
pub async fn erase(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<()> {
    sql_query("select erase_workspace($1)").bind::<SqlUuid, _>(workspace.as_uuid()).execute(connection).await.map(|_| ())
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Destroys once more what is there of workspaces that were deleted in the last ninety days; returns how many those are.
///
/// # Errors
/// When the database does not answer.
pub async fn repeat(db: &Db, now: DateTime<Utc>) -> Result<i64, DbError> {
    let mut connection = db.get().await?;
    // Counting the calls makes PostgreSQL make them.
    let repeated = sql_query("select count(erase_workspace(workspace_id)::text) as count from erased_workspace where erased_at > $1")
        .bind::<Timestamptz, _>(now - REPEATED_FOR)
        .get_result::<Count>(&mut connection)
        .await?;
    Ok(repeated.count)
}

/// Repeats it until the process drains. Any number of processes may.
pub(crate) fn start(kit: &Kit) {
    let (db, clock, draining) = (kit.worker_db.clone(), kit.clock.clone(), kit.lifecycle.draining());
    kit.lifecycle.clone().spawn_service("erasure", async move {
        while draining.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if let Err(error) = repeat(&db, clock.now()).await {
                tracing::warn!(error = %error, "deleted workspaces cannot be erased once more yet");
            }
        }
    });
}
