//! The versions: append-only, each with its exact bytes.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    canonical::Checksum,
    ids::{UserId, WorkspaceId},
    manifest::{Record, Version},
};
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

use super::{Answer, bigint, number};

/// A version as it is stored, not yet verified.
#[derive(Debug, Clone, QueryableByName)]
pub struct VersionRow {
    #[diesel(sql_type = sql_types::Uuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    sequence: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    context_number: i64,
    /// The SHA-256 of the content, as text.
    #[diesel(sql_type = sql_types::Text)]
    pub checksum: String,
    /// What should be the canonical content.
    #[diesel(sql_type = sql_types::Binary)]
    pub content: Vec<u8>,
    /// The record as JSON.
    #[diesel(sql_type = sql_types::Jsonb)]
    pub record: Value,
}

impl VersionRow {
    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId::from_uuid(self.workspace_id)
    }

    /// The position among the workspace's versions.
    pub fn sequence(&self) -> u64 {
        number(self.sequence)
    }

    /// The number of the context it was made from.
    pub fn context_number(&self) -> u64 {
        number(self.context_number)
    }
}

/// What a new version consists of.
#[derive(Debug)]
pub struct NewVersion<'a> {
    /// What is known about it.
    pub record: &'a Record,
    /// The canonical content.
    pub content: &'a [u8],
    /// The origin of each leaf, as JSON.
    pub provenance: &'a Value,
    /// The event or job it answers.
    pub cause: Uuid,
}

/// Appends a version.
pub async fn insert(connection: &mut AsyncPgConnection, new: &NewVersion<'_>) -> Result<(), diesel::result::Error> {
    let record = new.record;
    let as_json = serde_json::to_value(record).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    sql_query(
        "insert into business_context_manifests (workspace_id, sequence, version, checksum, content, record, provenance, \
           context_number, context_sha256, reducer_version, policy, reason, cause_id, created_by, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind::<sql_types::Uuid, _>(record.workspace_id.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(record.sequence))
    .bind::<sql_types::Text, _>(record.version.to_string())
    .bind::<sql_types::Text, _>(record.checksum.to_string())
    .bind::<sql_types::Binary, _>(new.content)
    .bind::<sql_types::Jsonb, _>(as_json)
    .bind::<sql_types::Jsonb, _>(new.provenance)
    .bind::<sql_types::BigInt, _>(bigint(record.source.context_number))
    .bind::<sql_types::Text, _>(record.source.context_sha256.to_string())
    .bind::<sql_types::Text, _>(&record.source.reducer_version)
    .bind::<sql_types::Text, _>(&record.source.policy)
    .bind::<sql_types::Text, _>(record.reason.as_str())
    .bind::<sql_types::Uuid, _>(new.cause)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(record.generated_by.map(UserId::as_uuid))
    .bind::<sql_types::Timestamptz, _>(record.generated_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Whether a version answers this cause.
pub async fn answers(connection: &mut AsyncPgConnection, workspace: WorkspaceId, cause: Uuid) -> QueryResult<bool> {
    sql_query("select exists(select from business_context_manifests where workspace_id = $1 and cause_id = $2) as yes")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Uuid, _>(cause)
        .get_result::<Answer>(connection)
        .await
        .map(|answer| answer.yes)
}

/// The version with this sequence.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, sequence: u64) -> QueryResult<Option<VersionRow>> {
    sql_query(
        "select workspace_id, sequence::bigint as sequence, context_number::bigint as context_number, checksum, content, record \
         from business_context_manifests where workspace_id = $1 and sequence = $2",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(sequence))
    .get_result(connection)
    .await
    .optional()
}

#[derive(QueryableByName)]
struct SequenceRow {
    #[diesel(sql_type = sql_types::BigInt)]
    sequence: i64,
}

/// The sequence of a semantic version.
pub async fn sequence_of(connection: &mut AsyncPgConnection, workspace: WorkspaceId, version: Version) -> QueryResult<Option<u64>> {
    let row = sql_query("select sequence::bigint as sequence from business_context_manifests where workspace_id = $1 and version = $2")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Text, _>(version.to_string())
        .get_result::<SequenceRow>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| number(row.sequence)))
}

/// The newest sequence whose content has this checksum.
pub async fn with_checksum(connection: &mut AsyncPgConnection, workspace: WorkspaceId, checksum: Checksum) -> QueryResult<Option<u64>> {
    let row = sql_query(
        "select sequence::bigint as sequence from business_context_manifests \
         where workspace_id = $1 and checksum = $2 order by sequence desc limit 1",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::Text, _>(checksum.to_string())
    .get_result::<SequenceRow>(connection)
    .await
    .optional()?;
    Ok(row.map(|row| number(row.sequence)))
}

/// The sequence that was the newest at a moment. Nothing when the version after it was removed: another may have been the newest then.
pub async fn as_of(connection: &mut AsyncPgConnection, workspace: WorkspaceId, moment: DateTime<Utc>) -> QueryResult<Option<u64>> {
    let row = sql_query(
        "select found.sequence::bigint as sequence \
         from (select sequence from business_context_manifests \
               where workspace_id = $1 and created_at <= $2 order by created_at desc, sequence desc limit 1) found \
         where exists (select from business_context_manifests after where after.workspace_id = $1 and after.sequence = found.sequence + 1) \
            or exists (select from manifest_head head where head.workspace_id = $1 and head.sequence = found.sequence)",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::Timestamptz, _>(moment)
    .get_result::<SequenceRow>(connection)
    .await
    .optional()?;
    Ok(row.map(|row| number(row.sequence)))
}

/// Whether there is a version with this sequence.
pub async fn exists(connection: &mut AsyncPgConnection, workspace: WorkspaceId, sequence: u64) -> QueryResult<bool> {
    Ok(summary(connection, workspace, sequence).await?.is_some())
}

/// The semantic version with this sequence, and the checksum of its content.
pub async fn summary(connection: &mut AsyncPgConnection, workspace: WorkspaceId, sequence: u64) -> QueryResult<Option<(String, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        version: String,
        #[diesel(sql_type = sql_types::Text)]
        checksum: String,
    }
    let row = sql_query("select version, checksum from business_context_manifests where workspace_id = $1 and sequence = $2")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::BigInt, _>(bigint(sequence))
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| (row.version, row.checksum)))
}

/// How a version is made.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// By which reducer.
    pub reducer_version: &'a str,
    /// With which policy.
    pub policy: &'a str,
}

/// Up to `limit` workspaces after the given one, of all or of one, whose newest version was made otherwise: as the service.
pub async fn made_otherwise(
    connection: &mut AsyncPgConnection,
    only: Option<WorkspaceId>,
    after: Option<WorkspaceId>,
    made: Made<'_>,
    limit: u32,
) -> QueryResult<Vec<WorkspaceId>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        workspace_id: Uuid,
    }
    let rows = sql_query(
        "select h.workspace_id from manifest_head h join business_context_manifests m using (workspace_id, sequence) \
         where ($1 is null or h.workspace_id = $1) and ($2 is null or h.workspace_id > $2) \
           and (m.reducer_version <> $3 or m.policy <> $4) \
         order by h.workspace_id limit $5",
    )
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(only.map(WorkspaceId::as_uuid))
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(after.map(WorkspaceId::as_uuid))
    .bind::<sql_types::Text, _>(made.reducer_version)
    .bind::<sql_types::Text, _>(made.policy)
    .bind::<sql_types::BigInt, _>(i64::from(limit))
    .load::<Row>(connection)
    .await?;
    Ok(rows.into_iter().map(|row| WorkspaceId::from_uuid(row.workspace_id)).collect())
}

/// The origin of each leaf of a version, as JSON.
pub async fn provenance(connection: &mut AsyncPgConnection, workspace: WorkspaceId, sequence: u64) -> QueryResult<Option<Value>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Jsonb)]
        provenance: Value,
    }
    let row = sql_query("select provenance from business_context_manifests where workspace_id = $1 and sequence = $2")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::BigInt, _>(bigint(sequence))
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.provenance))
}

/// Up to `limit` records with sequences below `before`, the newest first.
pub async fn records(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    before: Option<u64>,
    limit: u32,
) -> QueryResult<Vec<Value>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Jsonb)]
        record: Value,
    }
    let rows = sql_query(
        "select record from business_context_manifests where workspace_id = $1 and sequence < $2 order by sequence desc limit $3",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::BigInt, _>(before.map_or(i64::MAX, bigint))
    .bind::<sql_types::BigInt, _>(i64::from(limit))
    .load::<Row>(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.record).collect())
}

/// Up to `limit` versions of one workspace, or of all, after the given place: for verification, as the service.
pub async fn scan(
    connection: &mut AsyncPgConnection,
    only: Option<WorkspaceId>,
    after: (WorkspaceId, u64),
    limit: u32,
) -> QueryResult<Vec<VersionRow>> {
    sql_query(
        "select workspace_id, sequence::bigint as sequence, context_number::bigint as context_number, checksum, content, record \
         from business_context_manifests \
         where (workspace_id, sequence) > ($1, $2) and ($3 is null or workspace_id = $3) \
         order by workspace_id, sequence limit $4",
    )
    .bind::<sql_types::Uuid, _>(after.0.as_uuid())
    .bind::<sql_types::BigInt, _>(bigint(after.1))
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(only.map(WorkspaceId::as_uuid))
    .bind::<sql_types::BigInt, _>(i64::from(limit))
    .load(connection)
    .await
}
