//! The access log: who read which version, by what.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use service_kit::db::sql_query;

use super::{bigint, number};

/// A read.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// When.
    pub at: DateTime<Utc>,
    /// Of which workspace's manifest.
    pub workspace: WorkspaceId,
    /// Which version.
    pub sequence: u64,
    /// By what: `manifest`, `export` …
    pub kind: &'static str,
    /// What answered: `memory`, `redis`, `postgres`.
    pub tier: &'static str,
    /// By whom.
    pub user: UserId,
    /// How many reads it stands for.
    pub stands_for: i32,
}

/// Writes reads.
pub async fn insert(connection: &mut AsyncPgConnection, reads: &[Access]) -> QueryResult<usize> {
    sql_query(
        "insert into access_log (read_at, workspace_id, sequence, kind, tier, user_id, stands_for) \
         select * from unnest($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<sql_types::Array<sql_types::Timestamptz>, _>(reads.iter().map(|read| read.at).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(reads.iter().map(|read| read.workspace.as_uuid()).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::BigInt>, _>(reads.iter().map(|read| bigint(read.sequence)).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Text>, _>(reads.iter().map(|read| read.kind).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Text>, _>(reads.iter().map(|read| read.tier).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(reads.iter().map(|read| read.user.as_uuid()).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Integer>, _>(reads.iter().map(|read| read.stands_for).collect::<Vec<_>>())
    .execute(connection)
    .await
}

/// Reads of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// By what.
    pub kind: String,
    /// About how many.
    pub count: u64,
}

/// The reads of a workspace since a moment, by kind, as far as the sample tells.
pub async fn by_kind(connection: &mut AsyncPgConnection, workspace: WorkspaceId, since: DateTime<Utc>) -> QueryResult<Vec<Reads>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        kind: String,
        #[diesel(sql_type = sql_types::BigInt)]
        count: i64,
    }
    let rows = sql_query(
        "select kind, sum(stands_for)::bigint as count from access_log where workspace_id = $1 and read_at >= $2 group by kind order by kind",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .bind::<sql_types::Timestamptz, _>(since)
    .load::<Row>(connection)
    .await?;
    Ok(rows.into_iter().map(|row| Reads { kind: row.kind, count: number(row.count) }).collect())
}
