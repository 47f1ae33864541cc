//! The proof of the unlock: one row per workspace, never changed.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    sql_types::{Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{EventId, WorkspaceId};
use service_kit::db::sql_query;
use uuid::Uuid;

/// Writes the proof; `false` when the workspace has one, or the source has unlocked already.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    source: &str,
    source_id: Uuid,
    event: EventId,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into unlock (source_id, source, workspace_id, event_id, unlocked_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind::<SqlUuid, _>(source_id)
    .bind::<Text, _>(source)
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<SqlUuid, _>(event.as_uuid())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}
