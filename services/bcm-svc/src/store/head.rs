//! The head: which version of a workspace is the current one. Its row lock hands out versions.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;

use super::{bigint, number};
use service_kit::db::sql_query;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    sequence: i64,
}

/// The sequence of the current version.
pub async fn sequence(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<u64>> {
    let row = sql_query("select sequence::bigint as sequence from manifest_head where workspace_id = $1")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| number(row.sequence)))
}

/// The same, locked until the end of the transaction.
pub async fn lock(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<u64>> {
    let row = sql_query("select sequence::bigint as sequence from manifest_head where workspace_id = $1 for update")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| number(row.sequence)))
}

/// Makes and locks the head of a workspace that has none; `false` when another transaction made it meanwhile, whose
/// end this one has then waited for.
pub async fn insert_first(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    version: &str,
    checksum: &str,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into manifest_head (workspace_id, sequence, version, checksum, updated_at) values ($1, 1, $2, $3, $4) \
         on conflict (workspace_id) do nothing",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::Text, _>(version)
    .bind::<sql_types::Text, _>(checksum)
    .bind::<sql_types::Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

/// Points the locked head at another version.
pub async fn move_to(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    sequence: u64,
    version: &str,
    checksum: &str,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    sql_query("update manifest_head set sequence = $2, version = $3, checksum = $4, updated_at = $5 where workspace_id = $1")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::BigInt, _>(bigint(sequence))
        .bind::<sql_types::Text, _>(version)
        .bind::<sql_types::Text, _>(checksum)
        .bind::<sql_types::Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}
