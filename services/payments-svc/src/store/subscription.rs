//! The subscription of a workspace.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{OrderId, SubscriptionId, WorkspaceId},
    plan::{Cycle, PlanCode},
    subscription::SubscriptionState,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The workspace that subscribes.
    pub workspace: WorkspaceId,
    /// The plan of the present period.
    pub plan: PlanCode,
    /// The cycle of the present period.
    pub cycle: Cycle,
    /// Where it stands.
    pub status: SubscriptionState,
    /// When the present period began.
    pub period_start: DateTime<Utc>,
    /// When it ends.
    pub period_end: DateTime<Utc>,
    /// When the grace ends, if one runs.
    pub grace_end: Option<DateTime<Utc>>,
    /// The order that paid the present period.
    pub order: Option<OrderId>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = Text)]
    plan: String,
    #[diesel(sql_type = Text)]
    cycle: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Timestamptz)]
    period_start: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    period_end: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    grace_end: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    order_id: Option<Uuid>,
}

impl TryFrom<Row> for Subscription {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            plan: parse(&row.plan)?,
            cycle: parse(&row.cycle)?,
            status: parse(&row.status)?,
            period_start: row.period_start,
            period_end: row.period_end,
            grace_end: row.grace_end,
            order: row.order_id.map(OrderId::from_uuid),
        })
    }
}

const COLUMNS: &str = "id, workspace_id, plan, cycle, status, period_start, period_end, grace_end, order_id";

/// The subscription of the workspace.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Subscription>> {
    select(connection, workspace, "").await
}

/// The same, locked for the rest of the transaction.
pub async fn lock(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Subscription>> {
    select(connection, workspace, "for update").await
}

async fn select(connection: &mut AsyncPgConnection, workspace: WorkspaceId, lock: &str) -> QueryResult<Option<Subscription>> {
    sql_query(format!("select {COLUMNS} from subscription where workspace_id = $1 {lock}"))
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Subscription::try_from)
        .transpose()
}

/// Inserts the first subscription of a workspace. `false` means that it has one.
pub async fn insert(connection: &mut AsyncPgConnection, now: DateTime<Utc>, subscription: &Subscription) -> QueryResult<bool> {
    sql_query(
        "insert into subscription (id, workspace_id, plan, cycle, status, period_start, period_end, order_id, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) on conflict (workspace_id) do nothing",
    )
    .bind::<SqlUuid, _>(subscription.id.as_uuid())
    .bind::<SqlUuid, _>(subscription.workspace.as_uuid())
    .bind::<Text, _>(subscription.plan.as_str())
    .bind::<Text, _>(subscription.cycle.as_str())
    .bind::<Text, _>(subscription.status.as_str())
    .bind::<Timestamptz, _>(subscription.period_start)
    .bind::<Timestamptz, _>(subscription.period_end)
    .bind::<Nullable<SqlUuid>, _>(subscription.order.map(OrderId::as_uuid))
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

/// Writes a subscription that was locked before. A paid period ends grace and cancellation.
pub async fn update(connection: &mut AsyncPgConnection, now: DateTime<Utc>, subscription: &Subscription) -> QueryResult<usize> {
    sql_query(
        "update subscription set plan = $2, cycle = $3, status = $4, period_start = $5, period_end = $6, grace_end = $7, order_id = $8, \
           cancel_at_period_end = false, canceled_at = null, updated_at = $9 where id = $1",
    )
    .bind::<SqlUuid, _>(subscription.id.as_uuid())
    .bind::<Text, _>(subscription.plan.as_str())
    .bind::<Text, _>(subscription.cycle.as_str())
    .bind::<Text, _>(subscription.status.as_str())
    .bind::<Timestamptz, _>(subscription.period_start)
    .bind::<Timestamptz, _>(subscription.period_end)
    .bind::<Nullable<Timestamptz>, _>(subscription.grace_end)
    .bind::<Nullable<SqlUuid>, _>(subscription.order.map(OrderId::as_uuid))
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}
