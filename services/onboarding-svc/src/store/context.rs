//! Business contexts: append-only.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bytea, Integer, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    canonical::Checksum,
    ids::{UserId, WorkspaceId},
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::unreadable;

/// A stored context.
#[derive(Debug, Clone)]
pub(crate) struct StoredContext {
    /// 1, 2, 3 … in its workspace.
    pub(crate) number: u64,
    /// Of `bytes`.
    pub(crate) sha256: Checksum,
    /// Of the answers alone.
    pub(crate) answers_sha256: Checksum,
    /// The RFC 8785 bytes.
    pub(crate) bytes: Vec<u8>,
    /// The version of the step definition.
    pub(crate) schema_version: String,
    /// Who finalized.
    pub(crate) finalized_by: UserId,
    /// When.
    pub(crate) finalized_at: DateTime<Utc>,
}

/// A context without its answers.
#[derive(Debug, Clone)]
pub(crate) struct ListedContext {
    /// 1, 2, 3 … in its workspace.
    pub(crate) number: u64,
    /// Of the RFC 8785 bytes.
    pub(crate) sha256: Checksum,
    /// How many bytes these are.
    pub(crate) size: u64,
    /// The version of the step definition.
    pub(crate) schema_version: String,
    /// Who finalized.
    pub(crate) finalized_by: UserId,
    /// When.
    pub(crate) finalized_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct ListedRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    sha256: String,
    #[diesel(sql_type = Integer)]
    size: i32,
    #[diesel(sql_type = Text)]
    schema_version: String,
    #[diesel(sql_type = SqlUuid)]
    finalized_by: Uuid,
    #[diesel(sql_type = Timestamptz)]
    finalized_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    sha256: String,
    #[diesel(sql_type = Text)]
    answers_sha256: String,
    #[diesel(sql_type = Bytea)]
    bytes: Vec<u8>,
    #[diesel(sql_type = Text)]
    schema_version: String,
    #[diesel(sql_type = SqlUuid)]
    finalized_by: Uuid,
    #[diesel(sql_type = Timestamptz)]
    finalized_at: DateTime<Utc>,
}

/// The context of this number.
pub(crate) async fn read(connection: &mut AsyncPgConnection, workspace: WorkspaceId, number: u64) -> QueryResult<Option<StoredContext>> {
    let Ok(number) = i32::try_from(number) else { return Ok(None) };
    let row = sql_query(
        "select number, sha256, answers_sha256, bytes, schema_version, finalized_by, finalized_at from business_context \
         where workspace_id = $1 and number = $2",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Integer, _>(number)
    .get_result::<Row>(connection)
    .await
    .optional()?;
    row.map(|row| {
        Ok(StoredContext {
            number: u64::try_from(row.number).map_err(unreadable)?,
            sha256: row.sha256.parse().map_err(unreadable)?,
            answers_sha256: row.answers_sha256.parse().map_err(unreadable)?,
            bytes: row.bytes,
            schema_version: row.schema_version,
            finalized_by: UserId::from_uuid(row.finalized_by),
            finalized_at: row.finalized_at,
        })
    })
    .transpose()
}

/// The contexts with a number below `before`, the newest first.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    before: Option<u32>,
    limit: u32,
) -> QueryResult<Vec<ListedContext>> {
    let before = before.map_or(i32::MAX, |before| i32::try_from(before).unwrap_or(i32::MAX));
    let rows = sql_query(
        "select number, sha256, octet_length(bytes) as size, schema_version, finalized_by, finalized_at from business_context \
         where workspace_id = $1 and number < $2 order by number desc limit $3",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Integer, _>(before)
    .bind::<BigInt, _>(i64::from(limit))
    .load::<ListedRow>(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ListedContext {
                number: u64::try_from(row.number).map_err(unreadable)?,
                sha256: row.sha256.parse().map_err(unreadable)?,
                size: u64::try_from(row.size).map_err(unreadable)?,
                schema_version: row.schema_version,
                finalized_by: UserId::from_uuid(row.finalized_by),
                finalized_at: row.finalized_at,
            })
        })
        .collect()
}

/// Adds a context.
pub(crate) async fn insert(connection: &mut AsyncPgConnection, workspace: WorkspaceId, context: &StoredContext) -> QueryResult<()> {
    sql_query(
        "insert into business_context (workspace_id, number, sha256, answers_sha256, bytes, schema_version, finalized_by, finalized_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Integer, _>(i32::try_from(context.number).map_err(unreadable)?)
    .bind::<Text, _>(context.sha256.to_string())
    .bind::<Text, _>(context.answers_sha256.to_string())
    .bind::<Bytea, _>(&context.bytes)
    .bind::<Text, _>(&context.schema_version)
    .bind::<SqlUuid, _>(context.finalized_by.as_uuid())
    .bind::<Timestamptz, _>(context.finalized_at)
    .execute(connection)
    .await
    .map(|_| ())
}
