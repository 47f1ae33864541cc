//! The row with the facts of a workspace's onboarding.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::WorkspaceId,
    onboarding::{OnboardingStatus, SubscriptionFact},
    step::SCHEMA_VERSION,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::unreadable;
use crate::standing::Onboarding;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    unlocked_by: Option<Uuid>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    unlocked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    subscription_status: Option<String>,
    #[diesel(sql_type = BigInt)]
    subscription_sequence: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    subscription_period_end: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    subscription_grace_end: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    progress: String,
    #[diesel(sql_type = Text)]
    announced_status: String,
    #[diesel(sql_type = BigInt)]
    draft_epoch: i64,
    #[diesel(sql_type = Bool)]
    drafts_in_redis: bool,
    #[diesel(sql_type = Nullable<Integer>)]
    context_number: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finalized_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finalize_emitted_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    failure_reason: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    last_activity_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    schema_version: String,
    #[diesel(sql_type = Integer)]
    reminded: i32,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> QueryResult<Onboarding> {
        let subscription = match (self.subscription_status, self.subscription_period_end) {
            (Some(state), Some(period_end)) => {
                Some(SubscriptionFact { state: state.parse().map_err(unreadable)?, period_end, grace_end: self.subscription_grace_end })
            }
            _ => None,
        };
        Ok(Onboarding {
            workspace: WorkspaceId::from_uuid(self.workspace_id),
            unlocked: self.unlocked_by.zip(self.unlocked_at),
            subscription,
            subscription_sequence: self.subscription_sequence,
            progress: self.progress.parse().map_err(unreadable)?,
            announced: self.announced_status.parse().map_err(unreadable)?,
            draft_epoch: self.draft_epoch,
            drafts_in_redis: self.drafts_in_redis,
            context_number: self.context_number.map(u64::try_from).transpose().map_err(unreadable)?,
            finalized_at: self.finalized_at,
            finalize_emitted_at: self.finalize_emitted_at,
            failure_reason: self.failure_reason,
            last_activity_at: self.last_activity_at,
            schema_version: self.schema_version,
            reminded: u32::try_from(self.reminded).map_err(unreadable)?,
        })
    }
}

const COLUMNS: &str = "workspace_id, unlocked_by, unlocked_at, subscription_status, subscription_sequence, subscription_period_end, \
     subscription_grace_end, progress, announced_status, draft_epoch, drafts_in_redis, context_number, finalized_at, \
     finalize_emitted_at, failure_reason, last_activity_at, schema_version, reminded";

async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, lock: &str) -> QueryResult<Option<Onboarding>> {
    sql_query(format!("select {COLUMNS} from onboarding where workspace_id = $1 {lock}"))
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Row::read)
        .transpose()
}

/// The row as it is.
pub(crate) async fn read(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Onboarding>> {
    find(connection, workspace, "").await
}

/// The rows of these workspaces, for event streams whose readers may see them.
pub(crate) async fn watched(connection: &mut AsyncPgConnection, workspaces: &[WorkspaceId]) -> QueryResult<Vec<Onboarding>> {
    let ids: Vec<Uuid> = workspaces.iter().map(|workspace| workspace.as_uuid()).collect();
    let rows = sql_query(format!("select {COLUMNS} from onboarding where workspace_id = any($1)"))
        .bind::<Array<SqlUuid>, _>(ids)
        .load::<Row>(connection)
        .await?;
    rows.into_iter().map(Row::read).collect()
}

/// The row, which nobody else changes until the transaction ends.
pub(crate) async fn lock(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Onboarding>> {
    find(connection, workspace, "for update").await
}

/// Makes the row, locked, unless it is there. Drafts are in the present version of the steps from the beginning.
pub(crate) async fn ensure(connection: &mut AsyncPgConnection, workspace: WorkspaceId, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "insert into onboarding (workspace_id, last_activity_at, created_at, updated_at, schema_version) values ($1, $2, $2, $2, $3) \
         on conflict do nothing",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(SCHEMA_VERSION)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Writes what was changed on a row that [`lock`] gave.
pub(crate) async fn update(connection: &mut AsyncPgConnection, onboarding: &Onboarding, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "update onboarding set unlocked_by = $2, unlocked_at = $3, subscription_status = $4, subscription_sequence = $5, \
         subscription_period_end = $6, subscription_grace_end = $7, progress = $8, announced_status = $9, draft_epoch = $10, \
         drafts_in_redis = $11, context_number = $12, finalized_at = $13, finalize_emitted_at = $14, failure_reason = $15, \
         last_activity_at = $16, updated_at = $17, schema_version = $18, reminded = $19 where workspace_id = $1",
    )
    .bind::<SqlUuid, _>(onboarding.workspace.as_uuid())
    .bind::<Nullable<SqlUuid>, _>(onboarding.unlocked.map(|(by, _)| by))
    .bind::<Nullable<Timestamptz>, _>(onboarding.unlocked.map(|(_, at)| at))
    .bind::<Nullable<Text>, _>(onboarding.subscription.map(|fact| fact.state.as_str()))
    .bind::<BigInt, _>(onboarding.subscription_sequence)
    .bind::<Nullable<Timestamptz>, _>(onboarding.subscription.map(|fact| fact.period_end))
    .bind::<Nullable<Timestamptz>, _>(onboarding.subscription.and_then(|fact| fact.grace_end))
    .bind::<Text, _>(onboarding.progress.as_str())
    .bind::<Text, _>(onboarding.announced.as_str())
    .bind::<BigInt, _>(onboarding.draft_epoch)
    .bind::<Bool, _>(onboarding.drafts_in_redis)
    .bind::<Nullable<Integer>, _>(onboarding.context_number.and_then(|number| i32::try_from(number).ok()))
    .bind::<Nullable<Timestamptz>, _>(onboarding.finalized_at)
    .bind::<Nullable<Timestamptz>, _>(onboarding.finalize_emitted_at)
    .bind::<Nullable<Text>, _>(onboarding.failure_reason.as_deref())
    .bind::<Timestamptz, _>(onboarding.last_activity_at)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(&onboarding.schema_version)
    .bind::<Integer, _>(i32::try_from(onboarding.reminded).unwrap_or(i32::MAX))
    .execute(connection)
    .await
    .map(|_| ())
}

async fn ids(connection: &mut AsyncPgConnection, condition: &str, at: DateTime<Utc>) -> QueryResult<Vec<WorkspaceId>> {
    let rows = sql_query(format!("select workspace_id from onboarding where {condition} limit 100"))
        .bind::<Timestamptz, _>(at)
        .load::<Id>(connection)
        .await?;
    Ok(rows.into_iter().map(|row| WorkspaceId::from_uuid(row.workspace_id)).collect())
}

/// Sessions that one pass takes.
pub(crate) const BATCH: usize = 100;

/// Workspaces that could work on their answers and did not since `before`; with `reminder`, only those that did not get this one yet.
pub(crate) async fn silent(
    connection: &mut AsyncPgConnection,
    before: DateTime<Utc>,
    reminder: Option<u32>,
) -> QueryResult<Vec<WorkspaceId>> {
    let fewer = reminder.map_or_else(String::new, |count| format!("and reminded < {count}"));
    let condition = format!(
        "last_activity_at <= $1 {fewer} and announced_status in ('unlocked', 'in_progress') \
         and progress in ('not_started', 'in_progress') and unlocked_by is not null order by last_activity_at"
    );
    ids(connection, &condition, before).await
}

/// Onboardings, the one that was touched last first, for operators.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    status: Option<OnboardingStatus>,
    before: Option<DateTime<Utc>>,
    limit: i64,
) -> QueryResult<Vec<Onboarding>> {
    let rows = sql_query(format!(
        "select {COLUMNS} from onboarding where ($1 is null or announced_status = $1) and ($2 is null or last_activity_at <= $2) \
         order by last_activity_at desc, workspace_id limit $3"
    ))
    .bind::<Nullable<Text>, _>(status.map(OnboardingStatus::as_str))
    .bind::<Nullable<Timestamptz>, _>(before)
    .bind::<BigInt, _>(limit)
    .load::<Row>(connection)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// How many onboardings are in each status.
pub(crate) async fn by_status(connection: &mut AsyncPgConnection) -> QueryResult<BTreeMap<String, i64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        status: String,
        #[diesel(sql_type = BigInt)]
        sessions: i64,
    }
    let rows = sql_query("select announced_status as status, count(*) as sessions from onboarding group by announced_status")
        .load::<Row>(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.status, row.sessions)).collect())
}

/// Where drafts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// The present epoch.
    pub(crate) epoch: i64,
    /// Whether Redis may hold the drafts of it.
    pub(crate) in_redis: bool,
}

/// The epochs of these workspaces; one without an onboarding is left out.
pub(crate) async fn epochs(connection: &mut AsyncPgConnection, workspaces: &[WorkspaceId]) -> QueryResult<BTreeMap<WorkspaceId, Epoch>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        workspace_id: Uuid,
        #[diesel(sql_type = BigInt)]
        draft_epoch: i64,
        #[diesel(sql_type = Bool)]
        drafts_in_redis: bool,
    }
    let ids: Vec<Uuid> = workspaces.iter().map(|workspace| workspace.as_uuid()).collect();
    let rows = sql_query("select workspace_id, draft_epoch, drafts_in_redis from onboarding where workspace_id = any($1)")
        .bind::<Array<SqlUuid>, _>(ids)
        .load::<Row>(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (WorkspaceId::from_uuid(row.workspace_id), Epoch { epoch: row.draft_epoch, in_redis: row.drafts_in_redis }))
        .collect())
}

/// Workspaces whose subscription lapsed by time alone before `now`, which nobody was told yet.
pub(crate) async fn lapsed(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<WorkspaceId>> {
    let condition = "unlocked_by is not null and announced_status <> 'suspended' and \
         ((subscription_status = 'canceled' and subscription_period_end <= $1) or (subscription_status = 'past_due' and subscription_grace_end <= $1))";
    ids(connection, condition, now).await
}

/// Workspaces whose finalize was last told before `before` and has no manifest yet. While an event of the workspace is
/// still to be sent, telling it again would not help.
pub(crate) async fn stuck(connection: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<Vec<WorkspaceId>> {
    let condition = "progress = 'finalizing' and finalize_emitted_at < $1 and not exists (select from outbox \
         where aggregate_type = 'onboarding' and aggregate_id = onboarding.workspace_id and published_at is null)";
    ids(connection, condition, before).await
}

/// When the oldest finalize that waits for its manifest began.
pub(crate) async fn oldest_finalize(connection: &mut AsyncPgConnection) -> QueryResult<Option<DateTime<Utc>>> {
    let row =
        sql_query("select min(finalized_at) as at from onboarding where progress = 'finalizing'").get_result::<Oldest>(connection).await?;
    Ok(row.at)
}
