//! The steps as rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{UserId, WorkspaceId},
    step::Slug,
};
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

use super::unreadable;
use crate::session::{Revision, StepState, Steps, StoredStep};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = BigInt)]
    revision_epoch: i64,
    #[diesel(sql_type = BigInt)]
    revision_n: i64,
    #[diesel(sql_type = Nullable<Jsonb>)]
    answer: Option<Value>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = SqlUuid)]
    updated_by: Uuid,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    completed_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Text)]
    state: String,
}

/// All rows of a workspace.
pub(crate) async fn all(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Steps> {
    let rows = sql_query(
        "select slug, revision_epoch, revision_n, answer, state, updated_by, updated_at, completed_at from draft where workspace_id = $1",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .load::<Row>(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let step = StoredStep {
                revision: Revision { epoch: row.revision_epoch, n: row.revision_n },
                state: row.state.parse().map_err(unreadable)?,
                answer: row.answer,
                updated_by: UserId::from_uuid(row.updated_by),
                updated_at: row.updated_at,
                completed_at: row.completed_at,
            };
            Ok((row.slug.parse::<Slug>().map_err(unreadable)?, step))
        })
        .collect()
}

/// The states of a workspace's steps.
pub(crate) async fn states(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<BTreeMap<Slug, StepState>> {
    let rows = sql_query("select slug, state from draft where workspace_id = $1")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .load::<StateRow>(connection)
        .await?;
    rows.into_iter()
        .map(|row| Ok((row.slug.parse::<Slug>().map_err(unreadable)?, row.state.parse::<StepState>().map_err(unreadable)?)))
        .collect()
}

/// How many steps of all workspaces are in each state.
pub(crate) async fn by_state(connection: &mut AsyncPgConnection) -> QueryResult<BTreeMap<String, i64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        state: String,
        #[diesel(sql_type = BigInt)]
        steps: i64,
    }
    let rows = sql_query("select state, count(*) as steps from draft group by state").load::<Row>(connection).await?;
    Ok(rows.into_iter().map(|row| (row.state, row.steps)).collect())
}

/// Writes a step unless the row is at this revision or a later one.
pub(crate) async fn write(connection: &mut AsyncPgConnection, workspace: WorkspaceId, slug: Slug, step: &StoredStep) -> QueryResult<()> {
    sql_query(
        "insert into draft as d (workspace_id, slug, revision_epoch, revision_n, answer, state, updated_by, updated_at, completed_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (workspace_id, slug) do update set revision_epoch = excluded.revision_epoch, revision_n = excluded.revision_n, \
           answer = excluded.answer, state = excluded.state, updated_by = excluded.updated_by, updated_at = excluded.updated_at, \
           completed_at = excluded.completed_at \
         where (d.revision_epoch, d.revision_n) < (excluded.revision_epoch, excluded.revision_n)",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Text, _>(slug.as_str())
    .bind::<BigInt, _>(step.revision.epoch)
    .bind::<BigInt, _>(step.revision.n)
    .bind::<Nullable<Jsonb>, _>(step.answer.as_ref())
    .bind::<Text, _>(step.state.as_str())
    .bind::<SqlUuid, _>(step.updated_by.as_uuid())
    .bind::<Timestamptz, _>(step.updated_at)
    .bind::<Nullable<Timestamptz>, _>(step.completed_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Moves all rows to a new epoch, with which they are loaded into Redis.
pub(crate) async fn begin_epoch(connection: &mut AsyncPgConnection, workspace: WorkspaceId, epoch: i64) -> QueryResult<()> {
    sql_query("update draft set revision_epoch = $2 where workspace_id = $1")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<BigInt, _>(epoch)
        .execute(connection)
        .await
        .map(|_| ())
}
