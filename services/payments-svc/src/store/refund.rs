//! Refunds.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{OrderId, RefundId, WorkspaceId},
    money::Paise,
    order::OrderState,
    refund::RefundState,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;
use crate::phonepe::MerchantOrderId;

/// A refund as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id, here and at the provider.
    pub id: RefundId,
    /// The workspace that paid.
    pub workspace: WorkspaceId,
    /// The order that is given back.
    pub order: OrderId,
    /// The attempt whose payment it is.
    pub attempt: MerchantOrderId,
    /// How much of it.
    pub amount: Paise,
    /// Where it stands.
    pub state: RefundState,
    /// The order's state before, to which it returns when the refund fails.
    pub requested_in: OrderState,
    /// Why, as the operator or the system said.
    pub reason: String,
    /// The provider's own id, once it gave one.
    pub provider_refund_id: Option<String>,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// When the provider is asked next.
    pub next_check_at: Option<DateTime<Utc>>,
    /// How often it was taken in hand.
    pub check_count: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = Text)]
    merchant_order_id: String,
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    requested_in: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Nullable<Text>)]
    provider_refund_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    failure_code: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    next_check_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    check_count: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

const COLUMNS: &str = "id, workspace_id, order_id, merchant_order_id, amount, state, requested_in, reason, provider_refund_id, \
                       failure_code, next_check_at, check_count, created_at, updated_at";

impl TryFrom<Row> for Refund {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let unreadable = || diesel::result::Error::DeserializationError("a refund with an impossible id".into());
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            order: row.order_id.into(),
            attempt: MerchantOrderId::parse(&row.merchant_order_id).ok_or_else(unreadable)?,
            amount: Paise::new(row.amount),
            state: parse(&row.state)?,
            requested_in: parse(&row.requested_in)?,
            reason: row.reason,
            provider_refund_id: row.provider_refund_id,
            failure_code: row.failure_code,
            next_check_at: row.next_check_at,
            check_count: u32::try_from(row.check_count).unwrap_or_default(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Inserts a new refund, due to be sent at once. `false` means that the order has an open one.
pub async fn insert(connection: &mut AsyncPgConnection, refund: &Refund) -> QueryResult<bool> {
    sql_query(
        "insert into refund (id, workspace_id, order_id, merchant_order_id, amount, state, requested_in, reason, next_check_at, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
         on conflict (order_id) where state in ('created', 'ambiguous', 'pending', 'confirmed') do nothing",
    )
    .bind::<SqlUuid, _>(refund.id.as_uuid())
    .bind::<SqlUuid, _>(refund.workspace.as_uuid())
    .bind::<SqlUuid, _>(refund.order.as_uuid())
    .bind::<Text, _>(refund.attempt.as_str())
    .bind::<BigInt, _>(refund.amount.get())
    .bind::<Text, _>(refund.state.as_str())
    .bind::<Text, _>(refund.requested_in.as_str())
    .bind::<Text, _>(&refund.reason)
    .bind::<Nullable<Timestamptz>, _>(refund.next_check_at)
    .bind::<Timestamptz, _>(refund.created_at)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

/// The refund; for the service's own work and its operators only.
pub async fn find(connection: &mut AsyncPgConnection, id: RefundId) -> QueryResult<Option<Refund>> {
    select(connection, id, "").await
}

/// The same, locked for the rest of the transaction. Its order is locked before it.
pub async fn lock(connection: &mut AsyncPgConnection, id: RefundId) -> QueryResult<Option<Refund>> {
    select(connection, id, "for update").await
}

async fn select(connection: &mut AsyncPgConnection, id: RefundId, lock: &str) -> QueryResult<Option<Refund>> {
    sql_query(format!("select {COLUMNS} from refund where id = $1 {lock}"))
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Refund::try_from)
        .transpose()
}

/// The refunds of an order, or of all, the newest first; for operators.
pub async fn list(connection: &mut AsyncPgConnection, order: Option<OrderId>, open: bool, limit: i64) -> QueryResult<Vec<Refund>> {
    sql_query(format!(
        "select {COLUMNS} from refund where ($1 is null or order_id = $1) \
         and (not $2 or state in ('created', 'ambiguous', 'pending', 'confirmed')) order by created_at desc, id desc limit $3"
    ))
    .bind::<Nullable<SqlUuid>, _>(order.map(OrderId::as_uuid))
    .bind::<Bool, _>(open)
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Refund::try_from)
    .collect()
}

/// Refunds that are due to be sent or asked about, locked until the transaction ends; those that another replica holds are
/// left to it.
pub async fn claim_due(connection: &mut AsyncPgConnection, now: DateTime<Utc>, limit: i64) -> QueryResult<Vec<Refund>> {
    sql_query(format!("select {COLUMNS} from refund where next_check_at <= $1 order by next_check_at limit $2 for update skip locked"))
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(limit)
        .get_results::<Row>(connection)
        .await?
        .into_iter()
        .map(Refund::try_from)
        .collect()
}

/// Notes that the refund is taken in hand now, and when next.
pub async fn schedule_check(connection: &mut AsyncPgConnection, id: RefundId, next: DateTime<Utc>) -> QueryResult<usize> {
    sql_query("update refund set next_check_at = $2, check_count = check_count + 1 where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Timestamptz, _>(next)
        .execute(connection)
        .await
}

/// What a transition writes besides the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// The provider's own id.
    pub provider_refund_id: Option<&'a str>,
    /// Why it failed.
    pub failure_code: Option<&'a str>,
    /// When the provider is asked next; never again about one that has ended.
    pub next_check_at: Option<DateTime<Utc>>,
}

/// Moves a refund that is locked from the state it was read in to `to`.
pub async fn transition(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    refund: &Refund,
    to: RefundState,
    change: Change<'_>,
) -> QueryResult<bool> {
    sql_query(
        "update refund set state = $3, updated_at = $4, provider_refund_id = coalesce($5, provider_refund_id), failure_code = $6, \
         next_check_at = $7 where id = $1 and state = $2",
    )
    .bind::<SqlUuid, _>(refund.id.as_uuid())
    .bind::<Text, _>(refund.state.as_str())
    .bind::<Text, _>(to.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(change.provider_refund_id)
    .bind::<Nullable<Text>, _>(change.failure_code)
    .bind::<Nullable<Timestamptz>, _>(change.next_check_at)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

/// What of an attempt's payment is given back, or may be.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct GivenBack {
    /// In paise, for certain.
    #[diesel(sql_type = BigInt)]
    pub completed: i64,
    /// In paise, by refunds that are open.
    #[diesel(sql_type = BigInt)]
    pub open: i64,
}

/// Sums the refunds of an attempt. Its order is locked, so that no other comes meanwhile.
pub async fn given_back(connection: &mut AsyncPgConnection, attempt: &MerchantOrderId) -> QueryResult<GivenBack> {
    sql_query(
        "select coalesce(sum(amount) filter (where state = 'completed'), 0)::bigint as completed, \
         coalesce(sum(amount) filter (where state not in ('completed', 'failed')), 0)::bigint as open \
         from refund where merchant_order_id = $1",
    )
    .bind::<Text, _>(attempt.as_str())
    .get_result(connection)
    .await
}

/// Refunds that are open.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Open {
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub refunds: i64,
    /// When the first of them was made.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<DateTime<Utc>>,
}

/// The refunds that are open.
pub async fn open(connection: &mut AsyncPgConnection) -> QueryResult<Open> {
    sql_query(
        "select count(*) as refunds, min(created_at) as oldest from refund \
         where state in ('created', 'ambiguous', 'pending', 'confirmed')",
    )
    .get_result(connection)
    .await
}
