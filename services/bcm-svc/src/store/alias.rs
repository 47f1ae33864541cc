//! Names that members give to versions.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::{bigint, number};

/// A name and the version that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AliasRow {
    /// The name.
    #[diesel(sql_type = sql_types::Text)]
    pub alias: String,
    #[diesel(sql_type = sql_types::BigInt)]
    sequence: i64,
    /// The semantic version.
    #[diesel(sql_type = sql_types::Text)]
    pub version: String,
    /// The checksum of its content.
    #[diesel(sql_type = sql_types::Text)]
    pub checksum: String,
    /// Rises with every change.
    #[diesel(sql_type = sql_types::Integer)]
    pub revision: i32,
    #[diesel(sql_type = sql_types::Uuid)]
    updated_by: Uuid,
    /// When it was set.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

impl AliasRow {
    /// The sequence of the version.
    pub fn sequence(&self) -> u64 {
        number(self.sequence)
    }

    /// Who set it.
    pub fn updated_by(&self) -> UserId {
        UserId::from_uuid(self.updated_by)
    }
}

const COLUMNS: &str = "a.alias, a.sequence::bigint as sequence, m.version, m.checksum, a.revision, a.updated_by, a.updated_at \
    from manifest_alias a join business_context_manifests m using (workspace_id, sequence)";

/// All names of a workspace, in alphabetical order.
pub async fn list(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Vec<AliasRow>> {
    sql_query(format!("select {COLUMNS} where a.workspace_id = $1 order by a.alias"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .load(connection)
        .await
}

/// One name.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, alias: &str) -> QueryResult<Option<AliasRow>> {
    sql_query(format!("select {COLUMNS} where a.workspace_id = $1 and a.alias = $2"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Text, _>(alias)
        .get_result(connection)
        .await
        .optional()
}

/// The sequence that a name stands for.
pub async fn sequence(connection: &mut AsyncPgConnection, workspace: WorkspaceId, alias: &str) -> QueryResult<Option<u64>> {
    Ok(find(connection, workspace, alias).await?.map(|row| row.sequence()))
}

/// Sets a name to a version of the workspace.
pub async fn set(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    alias: &str,
    sequence: u64,
    by: UserId,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    sql_query(
        "insert into manifest_alias as held (workspace_id, alias, sequence, updated_by, updated_at) values ($1, $2, $3, $4, $5) \
         on conflict (workspace_id, alias) do update set sequence = excluded.sequence, revision = held.revision + 1, \
           updated_by = excluded.updated_by, updated_at = excluded.updated_at",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::Text, _>(alias)
    .bind::<sql_types::BigInt, _>(bigint(sequence))
    .bind::<sql_types::Uuid, _>(by.as_uuid())
    .bind::<sql_types::Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Removes a name.
pub async fn remove(connection: &mut AsyncPgConnection, workspace: WorkspaceId, alias: &str) -> QueryResult<()> {
    sql_query("delete from manifest_alias where workspace_id = $1 and alias = $2")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Text, _>(alias)
        .execute(connection)
        .await
        .map(|_| ())
}
