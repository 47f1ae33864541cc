//! The last revisions of each step.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{UserId, WorkspaceId},
    step::Slug,
};
use serde_json::{Value, json};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::unreadable;
use crate::session::{Revised, Revision, StoredStep};

/// The present revision and the twenty before it can be brought back.
pub(crate) const KEPT: i64 = 21;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Nullable<Jsonb>)]
    answer: Option<Value>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = SqlUuid)]
    updated_by: Uuid,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<BigInt>)]
    restores: Option<i64>,
}

/// Adds revisions, those that are there stay as they are, and drops the old ones of the same steps. What only brought another one
/// back is counted apart: taking back twenty times must not push out what is to be taken back to.
pub(crate) async fn add(connection: &mut AsyncPgConnection, workspace: WorkspaceId, revisions: &[Revised]) -> QueryResult<()> {
    let rows: Vec<Value> = revisions
        .iter()
        .map(|Revised { slug, step, restores }| {
            json!({
                "slug": slug, "n": step.revision.n, "epoch": step.revision.epoch, "answer": step.answer, "state": step.state.as_str(),
                "updated_by": step.updated_by, "updated_at": step.updated_at, "restores": restores,
            })
        })
        .collect();
    sql_query(
        "insert into draft_revision (workspace_id, slug, n, epoch, answer, state, updated_by, updated_at, restores) \
         select $1, r.slug, r.n, r.epoch, r.answer, r.state, r.updated_by, r.updated_at, r.restores from jsonb_to_recordset($2) as \
         r (slug text, n bigint, epoch bigint, answer jsonb, state text, updated_by uuid, updated_at timestamptz, restores bigint) \
         on conflict do nothing",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Jsonb, _>(Value::Array(rows))
    .execute(connection)
    .await?;
    let slugs: Vec<&str> = revisions.iter().map(|revised| revised.slug.as_str()).collect();
    sql_query(
        "delete from draft_revision d using ( \
             select slug, n, row_number() over (partition by slug, restores is null order by n desc) as place \
             from draft_revision where workspace_id = $1 and slug = any($2)) as old \
         where d.workspace_id = $1 and d.slug = old.slug and d.n = old.n and old.place > $3",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Array<Text>, _>(slugs)
    .bind::<BigInt, _>(KEPT)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The revisions of a step, the newest first.
pub(crate) async fn of_step(connection: &mut AsyncPgConnection, workspace: WorkspaceId, slug: Slug) -> QueryResult<Vec<Revised>> {
    let rows = sql_query(
        "select n, epoch, answer, state, updated_by, updated_at, restores from draft_revision \
         where workspace_id = $1 and slug = $2 order by n desc",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Text, _>(slug.as_str())
    .load::<Row>(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let step = StoredStep {
                revision: Revision { epoch: row.epoch, n: row.n },
                state: row.state.parse().map_err(unreadable)?,
                answer: row.answer,
                updated_by: UserId::from_uuid(row.updated_by),
                updated_at: row.updated_at,
                completed_at: None,
            };
            Ok(Revised { slug, step, restores: row.restores })
        })
        .collect()
}

/// Replaces the answer of a revision, as a newer version of the steps asks for it.
pub(crate) async fn rewrite(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    revised: &Revised,
    answer: &Value,
) -> QueryResult<()> {
    sql_query("update draft_revision set answer = $4 where workspace_id = $1 and slug = $2 and n = $3")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<Text, _>(revised.slug.as_str())
        .bind::<BigInt, _>(revised.step.revision.n)
        .bind::<Jsonb, _>(answer)
        .execute(connection)
        .await
        .map(|_| ())
}
