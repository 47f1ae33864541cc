//! The row with the facts of a workspace's onboarding.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{ids::WorkspaceId, onboarding::SubscriptionFact};
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
        })
    }
}

const COLUMNS: &str = "workspace_id, unlocked_by, unlocked_at, subscription_status, subscription_sequence, subscription_period_end, \
     subscription_grace_end, progress, announced_status, draft_epoch, drafts_in_redis, context_number, finalized_at, \
     finalize_emitted_at, failure_reason, last_activity_at";

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

/// The row, which nobody else changes until the transaction ends.
pub(crate) async fn lock(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Onboarding>> {
    find(connection, workspace, "for update").await
}

/// Makes the row, locked, unless it is there.
pub(crate) async fn ensure(connection: &mut AsyncPgConnection, workspace: WorkspaceId, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "insert into onboarding (workspace_id, last_activity_at, created_at, updated_at) values ($1, $2, $2, $2) on conflict do nothing",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Timestamptz, _>(now)
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
         last_activity_at = $16, updated_at = $17 where workspace_id = $1",
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
