//! The audit log: who did what to which resource, with the outcome, in the effect's own transaction.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use serde_json::Value;
use uuid::Uuid;

/// One row. It holds ids only: names and addresses sit in an erasable table.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The tenant, unless the act belongs to none.
    pub workspace: Option<WorkspaceId>,
    /// Who acted; `None` for the system itself.
    pub actor: Option<UserId>,
    /// What was done, for example `order.initiate`.
    pub action: &'a str,
    /// To what, for example `order/0199…`.
    pub resource: &'a str,
    /// `done`, `refused`, or `intended` before an act with an outside effect.
    pub outcome: &'a str,
    /// The request, when there was one.
    pub request_id: Option<&'a str>,
    /// Anything else worth keeping, ids and codes only.
    pub detail: Value,
}

/// Appends the entry.
pub async fn record(connection: &mut AsyncPgConnection, now: DateTime<Utc>, entry: &Entry<'_>) -> Result<(), diesel::result::Error> {
    diesel::sql_query(
        "insert into audit_log (id, workspace_id, actor_id, action, resource, outcome, request_id, detail, occurred_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Nullable<SqlUuid>, _>(entry.workspace.map(WorkspaceId::as_uuid))
    .bind::<Nullable<SqlUuid>, _>(entry.actor.map(UserId::as_uuid))
    .bind::<Text, _>(entry.action)
    .bind::<Text, _>(entry.resource)
    .bind::<Text, _>(entry.outcome)
    .bind::<Nullable<Text>, _>(entry.request_id)
    .bind::<Jsonb, _>(&entry.detail)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}
