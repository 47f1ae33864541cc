//! The subscription of a workspace.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{MandateId, OrderId, SubscriptionId, WorkspaceId},
    subscription::{Term, period, term::Next},
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
    /// Where it stands, and until when.
    pub term: Term,
    /// The order that paid the present period.
    pub order: Option<OrderId>,
    /// The order that paid the next one.
    pub next_order: Option<OrderId>,
    /// Where reminders go.
    pub contact_email: Option<String>,
    /// The mandate that pays the periods to come.
    pub mandate: Option<MandateId>,
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
    #[diesel(sql_type = Nullable<Integer>)]
    anchor_day: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    next_plan: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    next_cycle: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    next_order_id: Option<Uuid>,
    #[diesel(sql_type = Integer)]
    reminded: i32,
    #[diesel(sql_type = Nullable<Text>)]
    contact_email: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    mandate_id: Option<Uuid>,
}

impl TryFrom<Row> for Subscription {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let next = match (&row.next_plan, &row.next_cycle) {
            (Some(plan), Some(cycle)) => Some(Next { plan: parse(plan)?, cycle: parse(cycle)?, paid: row.next_order_id.is_some() }),
            _ => None,
        };
        let anchor_day = row.anchor_day.and_then(|day| u32::try_from(day).ok());
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            term: Term {
                plan: parse(&row.plan)?,
                cycle: parse(&row.cycle)?,
                status: parse(&row.status)?,
                period_start: row.period_start,
                period_end: row.period_end,
                grace_end: row.grace_end,
                anchor_day: anchor_day.unwrap_or_else(|| period::anchor_day(row.period_start)),
                paid: row.order_id.is_some(),
                next,
                reminded: usize::try_from(row.reminded).unwrap_or_default(),
                autopay: row.mandate_id.is_some(),
            },
            order: row.order_id.map(OrderId::from_uuid),
            next_order: row.next_order_id.map(OrderId::from_uuid),
            contact_email: row.contact_email,
            mandate: row.mandate_id.map(MandateId::from_uuid),
        })
    }
}

const COLUMNS: &str = "id, workspace_id, plan, cycle, status, period_start, period_end, grace_end, order_id, anchor_day, next_plan, \
                       next_cycle, next_order_id, reminded, contact_email, mandate_id";

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
    let term = &subscription.term;
    sql_query(
        "insert into subscription (id, workspace_id, plan, cycle, status, period_start, period_end, order_id, anchor_day, due_at, \
         contact_email, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) on conflict (workspace_id) do nothing",
    )
    .bind::<SqlUuid, _>(subscription.id.as_uuid())
    .bind::<SqlUuid, _>(subscription.workspace.as_uuid())
    .bind::<Text, _>(term.plan.as_str())
    .bind::<Text, _>(term.cycle.as_str())
    .bind::<Text, _>(term.status.as_str())
    .bind::<Timestamptz, _>(term.period_start)
    .bind::<Timestamptz, _>(term.period_end)
    .bind::<Nullable<SqlUuid>, _>(subscription.order.map(OrderId::as_uuid))
    .bind::<Integer, _>(day(term))
    .bind::<Nullable<Timestamptz>, _>(term.due_at())
    .bind::<Nullable<Text>, _>(subscription.contact_email.as_deref())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

fn day(term: &Term) -> i32 {
    i32::try_from(term.anchor_day).unwrap_or(1)
}

/// Writes a subscription that was locked before.
pub async fn update(connection: &mut AsyncPgConnection, now: DateTime<Utc>, subscription: &Subscription) -> QueryResult<usize> {
    let term = &subscription.term;
    sql_query(
        "update subscription set plan = $2, cycle = $3, status = $4, period_start = $5, period_end = $6, grace_end = $7, order_id = $8, \
           anchor_day = $9, next_plan = $10, next_cycle = $11, next_order_id = $12, reminded = $13, due_at = $14, contact_email = $15, \
           mandate_id = $16, updated_at = $17 \
         where id = $1",
    )
    .bind::<SqlUuid, _>(subscription.id.as_uuid())
    .bind::<Text, _>(term.plan.as_str())
    .bind::<Text, _>(term.cycle.as_str())
    .bind::<Text, _>(term.status.as_str())
    .bind::<Timestamptz, _>(term.period_start)
    .bind::<Timestamptz, _>(term.period_end)
    .bind::<Nullable<Timestamptz>, _>(term.grace_end)
    .bind::<Nullable<SqlUuid>, _>(subscription.order.map(OrderId::as_uuid))
    .bind::<Integer, _>(day(term))
    .bind::<Nullable<Text>, _>(term.next.map(|next| next.plan.as_str()))
    .bind::<Nullable<Text>, _>(term.next.map(|next| next.cycle.as_str()))
    .bind::<Nullable<SqlUuid>, _>(subscription.next_order.filter(|_| term.next.is_some_and(|next| next.paid)).map(OrderId::as_uuid))
    .bind::<Integer, _>(i32::try_from(term.reminded).unwrap_or(i32::MAX))
    .bind::<Nullable<Timestamptz>, _>(term.due_at())
    .bind::<Nullable<Text>, _>(subscription.contact_email.as_deref())
    .bind::<Nullable<SqlUuid>, _>(subscription.mandate.map(MandateId::as_uuid))
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Subscriptions for which something is due, locked until the transaction ends; those locked elsewhere are left to others.
pub async fn claim_due(connection: &mut AsyncPgConnection, now: DateTime<Utc>, limit: i64) -> QueryResult<Vec<Subscription>> {
    sql_query(format!(
        "select {COLUMNS} from subscription where status <> 'expired' and coalesce(due_at, period_end) <= $1 \
         order by coalesce(due_at, period_end) limit $2 for update skip locked"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Subscription::try_from)
    .collect()
}

/// Subscriptions whose next period is to be debited: their mandate is active and their period ends before `ends_before`. Locked until
/// the transaction ends; those locked elsewhere are left to others.
pub async fn claim_to_debit(
    connection: &mut AsyncPgConnection,
    ends_before: DateTime<Utc>,
    not_ended_before: DateTime<Utc>,
    limit: i64,
) -> QueryResult<Vec<Subscription>> {
    sql_query(format!(
        "select {COLUMNS} from subscription where status in ('active', 'past_due') and next_order_id is null \
           and coalesce(next_cycle, cycle) = 'monthly' and period_end <= $1 and period_end > $2 \
           and exists (select from mandate where id = mandate_id and state = 'active' and not cancel_wanted) \
           and not exists (select from debit where debit.mandate_id = subscription.mandate_id \
                             and debit.period_end = subscription.period_end and debit.state <> 'failed') \
           and (select count(*) from debit where debit.mandate_id = subscription.mandate_id \
                  and debit.period_end = subscription.period_end) < $3 \
         order by period_end limit $4 for update skip locked"
    ))
    .bind::<Timestamptz, _>(ends_before)
    .bind::<Timestamptz, _>(not_ended_before)
    .bind::<BigInt, _>(MOST_TRIES)
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Subscription::try_from)
    .collect()
}

/// How often a period is tried to be debited.
const MOST_TRIES: i64 = 3;

/// Subscriptions in one state.
#[derive(Debug, QueryableByName)]
pub struct InState {
    /// The state.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub subscriptions: i64,
}

/// How many subscriptions there are, by state.
pub async fn by_state(connection: &mut AsyncPgConnection) -> QueryResult<Vec<InState>> {
    sql_query("select status, count(*) as subscriptions from subscription group by status").load(connection).await
}
