//! The head: which version of a workspace is the newest one, and which one consumers read. Its row lock hands out versions.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;

use super::{bigint, number};
use service_kit::db::sql_query;
use uuid::Uuid;

/// The head of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Rises with every move of head and pin.
    pub generation: u64,
    /// The sequence of the newest version.
    pub latest: u64,
    /// The version that consumers are kept on.
    pub pinned: Option<u64>,
}

impl Head {
    /// The version that consumers read.
    pub fn live(self) -> u64 {
        self.pinned.unwrap_or(self.latest)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    generation: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    sequence: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    pinned: Option<i64>,
}

impl From<Row> for Head {
    fn from(row: Row) -> Self {
        Self { generation: number(row.generation), latest: number(row.sequence), pinned: row.pinned.map(number) }
    }
}

const FIND: &str =
    "select generation, sequence::bigint as sequence, pinned_sequence::bigint as pinned from manifest_head where workspace_id = $1";

/// The head.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Head>> {
    let row = sql_query(FIND).bind::<sql_types::Uuid, _>(workspace.as_uuid()).get_result::<Row>(connection).await.optional()?;
    Ok(row.map(Head::from))
}

/// The heads of these workspaces, as the service: of those that have one.
pub async fn of_all(connection: &mut AsyncPgConnection, workspaces: &[WorkspaceId]) -> QueryResult<Vec<(WorkspaceId, Head)>> {
    #[derive(QueryableByName)]
    struct OwnedRow {
        #[diesel(sql_type = sql_types::Uuid)]
        workspace_id: Uuid,
        #[diesel(embed)]
        head: Row,
    }
    let rows = sql_query(
        "select workspace_id, generation, sequence::bigint as sequence, pinned_sequence::bigint as pinned \
         from manifest_head where workspace_id = any($1)",
    )
    .bind::<sql_types::Array<sql_types::Uuid>, _>(workspaces.iter().map(|workspace| workspace.as_uuid()).collect::<Vec<_>>())
    .load::<OwnedRow>(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (WorkspaceId::from_uuid(row.workspace_id), row.head.into())).collect())
}

/// The same, locked until the end of the transaction.
pub async fn lock(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Head>> {
    let row = sql_query(format!("{FIND} for update"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(Head::from))
}

/// Keeps consumers on a version of the workspace, or no longer on any. The head must be locked.
pub async fn pin(connection: &mut AsyncPgConnection, workspace: WorkspaceId, pinned: Option<u64>, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update manifest_head set pinned_sequence = $2, updated_at = $3 where workspace_id = $1")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Nullable<sql_types::BigInt>, _>(pinned.map(bigint))
        .bind::<sql_types::Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
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
