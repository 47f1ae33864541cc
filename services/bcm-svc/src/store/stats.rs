//! Counts over a workspace's versions.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;
use service_kit::db::sql_query;

use super::number;

/// The versions that were made for one reason.
#[derive(Debug, Clone, QueryableByName)]
pub struct Versions {
    /// Why.
    #[diesel(sql_type = sql_types::Text)]
    pub reason: String,
    #[diesel(sql_type = sql_types::BigInt)]
    count: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    bytes: i64,
    /// When the first of them was made.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub first_at: DateTime<Utc>,
    /// When the last one was.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub last_at: DateTime<Utc>,
}

impl Versions {
    /// How many are kept.
    pub fn count(&self) -> u64 {
        number(self.count)
    }

    /// The bytes of their contents.
    pub fn bytes(&self) -> u64 {
        number(self.bytes)
    }
}

/// The kept versions of a workspace by why they were made.
pub async fn versions(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Vec<Versions>> {
    sql_query(
        "select reason, count(*) as count, sum(octet_length(content))::bigint as bytes, min(created_at) as first_at, max(created_at) as last_at \
         from business_context_manifests where workspace_id = $1 group by reason order by reason",
    )
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .load(connection)
    .await
}
