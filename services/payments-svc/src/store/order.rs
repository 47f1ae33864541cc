//! Orders.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{MandateId, OrderId, UserId, WorkspaceId},
    money::{Currency, Money, Paise},
    order::OrderState,
    plan::{Cycle, PlanCode},
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// By its payer, once.
    Checkout,
    /// By its payer, who approves a mandate with it.
    Setup,
    /// By a mandate; nobody is sent to a page for it.
    Debit,
}

impl OrderKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Setup => "setup",
            Self::Debit => "debit",
        }
    }

    fn parse(text: &str) -> QueryResult<Self> {
        [Self::Checkout, Self::Setup, Self::Debit]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| diesel::result::Error::DeserializationError(format!("{text:?} is not how an order is paid").into()))
    }
}

/// An order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The workspace that pays.
    pub workspace: WorkspaceId,
    /// Who ordered.
    pub user: UserId,
    /// The plan.
    pub plan: PlanCode,
    /// The cycle.
    pub cycle: Cycle,
    /// What is to be paid.
    pub price: Money,
    /// Where it stands.
    pub state: OrderState,
    /// Where the payer pays, once the provider said so.
    pub redirect_url: Option<String>,
    /// When it can no longer be paid.
    pub expires_at: DateTime<Utc>,
    /// When the provider is asked next.
    pub next_check_at: Option<DateTime<Utc>>,
    /// When the provider was asked last.
    pub last_checked_at: Option<DateTime<Utc>>,
    /// When it was found paid.
    pub completed_at: Option<DateTime<Utc>>,
    /// Why it was not paid.
    pub failure_code: Option<String>,
    /// The provider's id of the attempt that was paid.
    pub provider_reference: Option<String>,
    /// Where the confirmation goes.
    pub payer_email: Option<String>,
    /// The trace in which it was made.
    pub traceparent: Option<String>,
    /// How it is paid.
    pub kind: OrderKind,
    /// The mandate that it sets up, or that pays it.
    pub mandate: Option<MandateId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    plan: String,
    #[diesel(sql_type = Text)]
    cycle: String,
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    redirect_url: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    next_check_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_checked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    completed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    failure_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    provider_reference: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    payer_email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    mandate_id: Option<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

const COLUMNS: &str = "id, workspace_id, user_id, plan, cycle, amount, currency, state, redirect_url, expires_at, next_check_at, \
                       last_checked_at, completed_at, failure_code, provider_reference, payer_email, traceparent, \
                       kind, mandate_id, created_at";

impl TryFrom<Row> for Order {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            user: row.user_id.into(),
            plan: parse(&row.plan)?,
            cycle: parse(&row.cycle)?,
            price: Money { amount: Paise::new(row.amount), currency: parse::<Currency>(&row.currency)? },
            state: parse(&row.state)?,
            redirect_url: row.redirect_url,
            expires_at: row.expires_at,
            next_check_at: row.next_check_at,
            last_checked_at: row.last_checked_at,
            completed_at: row.completed_at,
            failure_code: row.failure_code,
            provider_reference: row.provider_reference,
            payer_email: row.payer_email,
            traceparent: row.traceparent,
            kind: OrderKind::parse(&row.kind)?,
            mandate: row.mandate_id.map(MandateId::from_uuid),
            created_at: row.created_at,
        })
    }
}

/// Inserts a new order. `false` means that the workspace has an open one; a debit is nobody's to pay and stands in no other's way.
pub async fn insert(connection: &mut AsyncPgConnection, order: &Order) -> QueryResult<bool> {
    sql_query(
        "insert into orders (id, workspace_id, user_id, plan, cycle, amount, currency, state, expires_at, next_check_at, payer_email, \
         traceparent, created_at, updated_at, kind, mandate_id, autopay, abandoned_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $15 is not null, \
                 case $14 when 'debit' then $13 end) \
         on conflict (workspace_id) where state in ('created', 'pending') and abandoned_at is null do nothing",
    )
    .bind::<SqlUuid, _>(order.id.as_uuid())
    .bind::<SqlUuid, _>(order.workspace.as_uuid())
    .bind::<SqlUuid, _>(order.user.as_uuid())
    .bind::<Text, _>(order.plan.as_str())
    .bind::<Text, _>(order.cycle.as_str())
    .bind::<BigInt, _>(order.price.amount.get())
    .bind::<Text, _>(order.price.currency.as_str())
    .bind::<Text, _>(order.state.as_str())
    .bind::<Timestamptz, _>(order.expires_at)
    .bind::<Nullable<Timestamptz>, _>(order.next_check_at)
    .bind::<Nullable<Text>, _>(order.payer_email.as_deref())
    .bind::<Nullable<Text>, _>(order.traceparent.as_deref())
    .bind::<Timestamptz, _>(order.created_at)
    .bind::<Text, _>(order.kind.as_str())
    .bind::<Nullable<SqlUuid>, _>(order.mandate.map(MandateId::as_uuid))
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

/// The order of a workspace.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId, id: OrderId) -> QueryResult<Option<Order>> {
    sql_query(format!("select {COLUMNS} from orders where workspace_id = $1 and id = $2"))
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Order::try_from)
        .transpose()
}

/// An order of any workspace; for the service's own work only.
pub async fn find_any(connection: &mut AsyncPgConnection, id: OrderId) -> QueryResult<Option<Order>> {
    sql_query(format!("select {COLUMNS} from orders where id = $1"))
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Order::try_from)
        .transpose()
}

/// Orders of any workspace, the newest first; for operators.
pub async fn list(
    connection: &mut AsyncPgConnection,
    workspace: Option<WorkspaceId>,
    state: Option<OrderState>,
    limit: i64,
) -> QueryResult<Vec<Order>> {
    sql_query(format!(
        "select {COLUMNS} from orders where ($1::uuid is null or workspace_id = $1) and ($2::text is null or state = $2) \
         order by created_at desc limit $3"
    ))
    .bind::<Nullable<SqlUuid>, _>(workspace.map(WorkspaceId::as_uuid))
    .bind::<Nullable<Text>, _>(state.map(OrderState::as_str))
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Order::try_from)
    .collect()
}

/// The order that the workspace can still pay.
pub async fn find_open(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Order>> {
    sql_query(format!("select {COLUMNS} from orders where workspace_id = $1 and state in ('created', 'pending') and abandoned_at is null"))
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Order::try_from)
        .transpose()
}

/// Locks an order for the rest of the transaction; for the service's own work only.
pub async fn lock(connection: &mut AsyncPgConnection, id: OrderId) -> QueryResult<Option<Order>> {
    sql_query(format!("select {COLUMNS} from orders where id = $1 for update"))
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Order::try_from)
        .transpose()
}

/// The present rows of orders that are being watched by readers who were authorised before.
pub async fn watched(connection: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Order>> {
    sql_query(format!("select {COLUMNS} from orders where id = any($1)"))
        .bind::<Array<SqlUuid>, _>(ids)
        .get_results::<Row>(connection)
        .await?
        .into_iter()
        .map(Order::try_from)
        .collect()
}

/// What a transition writes besides the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Why it was not paid.
    pub failure_code: Option<&'a str>,
    /// The provider's id of the attempt that was paid.
    pub provider_reference: Option<&'a str>,
    /// The payer gave it up.
    pub abandoned: bool,
}

/// Moves the order from the state it was read in to `to`, if it is still there: of several at once exactly one succeeds.
pub async fn transition(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    to: OrderState,
    change: Change<'_>,
) -> QueryResult<bool> {
    sql_query(
        "update orders set state = $3, updated_at = $4, failure_code = case when $3 in ('failed', 'expired', 'quarantined') then $5 end, \
           provider_reference = coalesce($6, provider_reference), \
           completed_at = case when $3 in ('completed', 'refund_pending') then coalesce(completed_at, $4) else completed_at end, \
           abandoned_at = case when $7 then $4 else abandoned_at end, \
           redirect_url = case when $3 = 'pending' then redirect_url end \
         where id = $1 and state = $2",
    )
    .bind::<SqlUuid, _>(order.id.as_uuid())
    .bind::<Text, _>(order.state.as_str())
    .bind::<Text, _>(to.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(change.failure_code)
    .bind::<Nullable<Text>, _>(change.provider_reference)
    .bind::<diesel::sql_types::Bool, _>(change.abandoned)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

/// Notes where the payer pays, while the order is open.
pub async fn set_redirect(connection: &mut AsyncPgConnection, now: DateTime<Utc>, id: OrderId, url: &str) -> QueryResult<usize> {
    sql_query("update orders set redirect_url = $2, updated_at = $3 where id = $1 and state in ('created', 'pending')")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(url)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
}

/// Stops asking about the order, unless one of its attempts can still be paid.
pub async fn stop_checks_when_settled(connection: &mut AsyncPgConnection, id: OrderId) -> QueryResult<usize> {
    sql_query(
        "update orders set next_check_at = null where id = $1 and not exists \
         (select from attempt where order_id = $1 and state in ('created', 'ambiguous', 'pending', 'expired'))",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .execute(connection)
    .await
}

/// Orders whose check is due, locked until the transaction ends; orders locked by another replica are left to it.
pub async fn claim_due(connection: &mut AsyncPgConnection, now: DateTime<Utc>, limit: i64) -> QueryResult<Vec<Order>> {
    sql_query(format!("select {COLUMNS} from orders where next_check_at <= $1 order by next_check_at limit $2 for update skip locked"))
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(limit)
        .get_results::<Row>(connection)
        .await?
        .into_iter()
        .map(Order::try_from)
        .collect()
}

/// Notes that the provider is asked now, and when next.
pub async fn schedule_check(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: OrderId,
    next: Option<DateTime<Utc>>,
) -> QueryResult<usize> {
    sql_query("update orders set next_check_at = $3, last_checked_at = $2, check_count = check_count + 1 where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Timestamptz>, _>(next)
        .execute(connection)
        .await
}

/// Begins to ask about an order at `at`.
pub async fn check_at(connection: &mut AsyncPgConnection, id: OrderId, at: DateTime<Utc>) -> QueryResult<usize> {
    sql_query("update orders set next_check_at = $2 where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Timestamptz, _>(at)
        .execute(connection)
        .await
}

/// Makes the next check due now, if the last one was before `not_since` and the order was made before `made_before`.
pub async fn hasten_check(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: OrderId,
    not_since: DateTime<Utc>,
    made_before: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "update orders set next_check_at = least(coalesce(next_check_at, $2), $2) \
         where id = $1 and created_at <= $4 and (last_checked_at is null or last_checked_at <= $3)",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(not_since)
    .bind::<Timestamptz, _>(made_before)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many orders are overdue for a check.
pub async fn overdue(connection: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<i64> {
    sql_query("select count(*) as n from orders where next_check_at <= $1")
        .bind::<Timestamptz, _>(before)
        .get_result::<Count>(connection)
        .await
        .map(|count| count.n)
}

/// Orders in one state that wait to be paid.
#[derive(Debug, QueryableByName)]
pub struct Open {
    /// The state.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub orders: i64,
    /// When the first of them was made.
    #[diesel(sql_type = Timestamptz)]
    pub oldest: DateTime<Utc>,
}

/// The orders that wait for their payer, by state, those that lost their next check too. Debits wait for days, and for nobody.
pub async fn open(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Open>> {
    sql_query(
        "select state, count(*) as orders, min(created_at) as oldest from orders \
         where state in ('created', 'pending') and kind <> 'debit' group by state",
    )
    .get_results(connection)
    .await
}
