//! Rebuild jobs. Leases run on the database's clock, so that replicas whose clocks differ agree on them.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{JobId, UserId, WorkspaceId};
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

/// The columns of [`Job`], by name: a prepared `*` fails once the table has a column more.
const COLUMNS: &str = "id, workspace_id, state, reason, forced, requested_by, attempts, created_at, finished_at, result";

/// A job.
#[derive(Debug, Clone, QueryableByName)]
pub struct Job {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    workspace_id: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    #[diesel(sql_type = sql_types::Text)]
    pub state: String,
    /// Why it was asked for, in the asker's words.
    #[diesel(sql_type = sql_types::Text)]
    pub reason: String,
    /// Whether the rule of one rebuild an hour was set aside.
    #[diesel(sql_type = sql_types::Bool)]
    pub forced: bool,
    #[diesel(sql_type = sql_types::Uuid)]
    requested_by: Uuid,
    /// Times it was begun; the number of the present attempt fences out those before.
    #[diesel(sql_type = sql_types::Integer)]
    pub attempts: i32,
    /// When it was asked for.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
    /// What came of it.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Jsonb>)]
    pub result: Option<Value>,
}

impl Job {
    /// Its id.
    pub fn id(&self) -> JobId {
        JobId::from_uuid(self.id)
    }

    /// The workspace whose manifest it makes again.
    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId::from_uuid(self.workspace_id)
    }

    /// Who asked for it.
    pub fn requested_by(&self) -> UserId {
        UserId::from_uuid(self.requested_by)
    }
}

/// What a new job consists of.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// Its id.
    pub id: JobId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Why, in the asker's words.
    pub reason: &'a str,
    /// Whether the rule of one an hour is set aside.
    pub forced: bool,
    /// Who asks.
    pub requested_by: UserId,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Queues a job. `None` when the workspace already has an open one, which a concurrent request may just have made.
pub async fn insert(connection: &mut AsyncPgConnection, new: NewJob<'_>) -> QueryResult<Option<Job>> {
    sql_query(format!(
        "insert into rebuild_job (id, workspace_id, reason, forced, requested_by, created_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (workspace_id) where state in ('queued', 'running') do nothing returning {COLUMNS}"
    ))
    .bind::<sql_types::Uuid, _>(new.id.as_uuid())
    .bind::<sql_types::Uuid, _>(new.workspace.as_uuid())
    .bind::<sql_types::Text, _>(new.reason)
    .bind::<sql_types::Bool, _>(new.forced)
    .bind::<sql_types::Uuid, _>(new.requested_by.as_uuid())
    .bind::<sql_types::Timestamptz, _>(new.at)
    .get_result(connection)
    .await
    .optional()
}

/// A job of the workspace.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, id: JobId) -> QueryResult<Option<Job>> {
    sql_query(format!("select {COLUMNS} from rebuild_job where workspace_id = $1 and id = $2"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .bind::<sql_types::Uuid, _>(id.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

/// The job of the workspace that still waits or runs.
pub async fn open(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Job>> {
    sql_query(format!("select {COLUMNS} from rebuild_job where workspace_id = $1 and state in ('queued', 'running')"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

/// The latest job of the workspace that succeeded.
pub async fn last_success(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Job>> {
    sql_query(format!("select {COLUMNS} from rebuild_job where workspace_id = $1 and state = 'succeeded' order by created_at desc limit 1"))
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

/// The latest job of the workspace that has ended.
pub async fn last_ended(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Job>> {
    sql_query(format!(
        "select {COLUMNS} from rebuild_job where workspace_id = $1 and state in ('succeeded', 'failed') order by created_at desc limit 1"
    ))
    .bind::<sql_types::Uuid, _>(workspace.as_uuid())
    .get_result(connection)
    .await
    .optional()
}

/// Takes the oldest due job for a minute: one that waits, or one whose runner is gone.
pub async fn claim(connection: &mut AsyncPgConnection) -> QueryResult<Option<Job>> {
    sql_query(format!(
        "update rebuild_job set state = 'running', attempts = attempts + 1, lease_until = now() + interval '60 s' \
         where id = (select id from rebuild_job \
                     where state in ('queued', 'running') and (lease_until is null or lease_until < now()) \
                     order by created_at limit 1 for update skip locked) \
         returning {COLUMNS}"
    ))
    .get_result(connection)
    .await
    .optional()
}

/// Ends a job in the transaction of its effect. `false` when another runner has it by now: the effect must not be.
pub async fn finish(connection: &mut AsyncPgConnection, job: &Job, state: &str, result: &Value, now: DateTime<Utc>) -> QueryResult<bool> {
    sql_query(
        "update rebuild_job set state = $3, result = $4, finished_at = $5, lease_until = null \
         where id = $1 and attempts = $2 and state = 'running'",
    )
    .bind::<sql_types::Uuid, _>(job.id)
    .bind::<sql_types::Integer, _>(job.attempts)
    .bind::<sql_types::Text, _>(state)
    .bind::<sql_types::Jsonb, _>(result)
    .bind::<sql_types::Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|ended| ended == 1)
}

/// Puts a job back for a while.
pub async fn postpone(connection: &mut AsyncPgConnection, job: &Job, seconds: i32) -> QueryResult<()> {
    sql_query(
        "update rebuild_job set state = 'queued', lease_until = now() + make_interval(secs => $3) \
         where id = $1 and attempts = $2 and state = 'running'",
    )
    .bind::<sql_types::Uuid, _>(job.id)
    .bind::<sql_types::Integer, _>(job.attempts)
    .bind::<sql_types::Integer, _>(seconds)
    .execute(connection)
    .await
    .map(|_| ())
}
