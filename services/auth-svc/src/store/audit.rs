//! Reading the audit log of a workspace. It is written by [`service_kit::audit`].

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

/// An entry.
#[derive(Debug, Clone, QueryableByName)]
pub struct Entry {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// Who acted; `None` for the system.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub actor_id: Option<Uuid>,
    /// What was done.
    #[diesel(sql_type = Text)]
    pub action: String,
    /// To what.
    #[diesel(sql_type = Text)]
    pub resource: String,
    /// `done`, `refused` or `intended`.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// The request.
    #[diesel(sql_type = Nullable<Text>)]
    pub request_id: Option<String>,
    /// Ids and codes.
    #[diesel(sql_type = Jsonb)]
    pub detail: Value,
    /// Its place in the workspace's chain, once it was sealed.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub seal_no: Option<i64>,
    /// SHA-256 of the entry and of the one before it, in hex.
    #[diesel(sql_type = Nullable<Text>)]
    pub hash: Option<String>,
}

/// So many entries of the workspace after that one, the oldest first.
pub async fn page(connection: &mut AsyncPgConnection, workspace: WorkspaceId, after: Uuid, most: i64) -> QueryResult<Vec<Entry>> {
    sql_query(
        "select id, occurred_at, actor_id, action, resource, outcome, request_id, detail, seal_no, encode(hash, 'hex') as hash \
         from identity.audit_log where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<SqlUuid, _>(after)
    .bind::<BigInt, _>(most)
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct Allowed {
    #[diesel(sql_type = Bool)]
    allowed: bool,
}

/// Whether the workspace's plan includes the export.
pub async fn may_export(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<bool> {
    sql_query(
        "select exists(select from identity.gate_subscription where workspace_id = $1 and status <> 'expired' \
           and (entitlements ->> 'audit_export')::boolean) as allowed",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .get_result::<Allowed>(connection)
    .await
    .map(|row| row.allowed)
}
