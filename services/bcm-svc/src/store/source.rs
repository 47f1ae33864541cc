//! The contexts that versions are made of, as their exact bytes.

use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{canonical::Checksum, ids::WorkspaceId};

use super::{Answer, bigint, number};
use service_kit::db::sql_query;

/// A kept context.
#[derive(Debug, Clone)]
pub struct SourceRow {
    /// Its number in the workspace.
    pub number: u64,
    /// The SHA-256 it came with.
    pub sha256: String,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    context_number: i64,
    #[diesel(sql_type = sql_types::Text)]
    sha256: String,
    #[diesel(sql_type = sql_types::Binary)]
    bytes: Vec<u8>,
}

impl From<Row> for SourceRow {
    fn from(row: Row) -> Self {
        Self { number: number(row.context_number), sha256: row.sha256, bytes: row.bytes }
    }
}

/// Keeps a context. `false` when another content has its number.
pub async fn keep(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    number: u64,
    sha256: Checksum,
    bytes: &[u8],
) -> QueryResult<bool> {
    let kept = sql_query(
        "insert into source_context (workspace_id, context_number, sha256, bytes) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(number))
    .bind::<sql_types::Text, _>(sha256.to_string())
    .bind::<sql_types::Binary, _>(bytes)
    .execute(connection)
    .await?;
    if kept == 1 {
        return Ok(true);
    }
    sql_query("select exists(select from source_context where workspace_id = $1 and context_number = $2 and sha256 = $3) as yes")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::BigInt, _>(bigint(number))
        .bind::<sql_types::Text, _>(sha256.to_string())
        .get_result::<Answer>(connection)
        .await
        .map(|answer| answer.yes)
}

/// The context with this number.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, number: u64) -> QueryResult<Option<SourceRow>> {
    let row = sql_query(
        "select context_number::bigint as context_number, sha256, bytes from source_context \
         where workspace_id = $1 and context_number = $2",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(number))
    .get_result::<Row>(connection)
    .await
    .optional()?;
    Ok(row.map(SourceRow::from))
}

/// The newest context.
pub async fn latest(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<SourceRow>> {
    let row = sql_query(
        "select context_number::bigint as context_number, sha256, bytes from source_context \
         where workspace_id = $1 order by context_number desc limit 1",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .get_result::<Row>(connection)
    .await
    .optional()?;
    Ok(row.map(SourceRow::from))
}

/// The context that a version was made of.
pub async fn of_version(connection: &mut AsyncPgConnection, workspace: WorkspaceId, sequence: u64) -> QueryResult<Option<SourceRow>> {
    let row = sql_query(
        "select s.context_number::bigint as context_number, s.sha256, s.bytes \
         from business_context_manifests m join source_context s using (workspace_id, context_number) \
         where m.workspace_id = $1 and m.sequence = $2",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(sequence))
    .get_result::<Row>(connection)
    .await
    .optional()?;
    Ok(row.map(SourceRow::from))
}

/// Whether the workspace has any context.
pub async fn any(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<bool> {
    newer_than(connection, workspace, 0).await
}

/// Whether the workspace has a context with a larger number.
pub async fn newer_than(connection: &mut AsyncPgConnection, workspace: WorkspaceId, number: u64) -> QueryResult<bool> {
    sql_query("select exists(select from source_context where workspace_id = $1 and context_number > $2) as yes")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::BigInt, _>(bigint(number))
        .get_result::<Answer>(connection)
        .await
        .map(|answer| answer.yes)
}
