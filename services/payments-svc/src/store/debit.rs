//! Debits by mandates.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{MandateId, OrderId},
    mandate::DebitState,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;

/// A debit as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debit {
    /// Its order.
    pub order: OrderId,
    /// The mandate that pays it.
    pub mandate: MandateId,
    /// The period after which the debited one begins.
    pub period_end: DateTime<Utc>,
    /// Where it stands.
    pub state: DebitState,
    /// When the money can be taken.
    pub valid_after: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    mandate_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    period_end: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    valid_after: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Debit {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        Ok(Self {
            order: row.order_id.into(),
            mandate: row.mandate_id.into(),
            period_end: row.period_end,
            state: parse(&row.state)?,
            valid_after: row.valid_after,
        })
    }
}

const COLUMNS: &str = "order_id, mandate_id, period_end, state, valid_after";

/// Stores a debit of the period after `period_end`; it is worked on at once.
pub async fn insert(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: OrderId,
    mandate: MandateId,
    period_end: DateTime<Utc>,
) -> QueryResult<usize> {
    sql_query(
        "insert into debit (order_id, mandate_id, period_end, state, next_step_at, created_at, updated_at) \
         values ($1, $2, $3, 'created', $4, $4, $4)",
    )
    .bind::<SqlUuid, _>(order.as_uuid())
    .bind::<SqlUuid, _>(mandate.as_uuid())
    .bind::<Timestamptz, _>(period_end)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Whether a debit of the period after `period_end` is under way or paid.
pub async fn exists(connection: &mut AsyncPgConnection, mandate: MandateId, period_end: DateTime<Utc>) -> QueryResult<bool> {
    sql_query("select exists (select from debit where mandate_id = $1 and period_end = $2 and state <> 'failed') as found")
        .bind::<SqlUuid, _>(mandate.as_uuid())
        .bind::<Timestamptz, _>(period_end)
        .get_result::<Found>(connection)
        .await
        .map(|row| row.found)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// What a step writes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// When the money can be taken.
    pub valid_after: Option<DateTime<Utc>>,
    /// Why it failed.
    pub failure_code: Option<&'a str>,
    /// When it is worked on next.
    pub next_step_at: Option<DateTime<Utc>>,
}

/// Moves a debit from the state in which it was read, if it is still there.
pub async fn transition(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    debit: &Debit,
    to: DebitState,
    change: Change<'_>,
) -> QueryResult<bool> {
    sql_query(
        "update debit set state = $3, valid_after = coalesce($4, valid_after), failure_code = $5, next_step_at = $6, updated_at = $7 \
         where order_id = $1 and state = $2",
    )
    .bind::<SqlUuid, _>(debit.order.as_uuid())
    .bind::<Text, _>(debit.state.as_str())
    .bind::<Text, _>(to.as_str())
    .bind::<Nullable<Timestamptz>, _>(change.valid_after)
    .bind::<Nullable<Text>, _>(change.failure_code)
    .bind::<Nullable<Timestamptz>, _>(change.next_step_at)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

/// Debits under way.
#[derive(Debug, QueryableByName)]
pub struct Open {
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub debits: i64,
    /// How many of them the provider can no longer take.
    #[diesel(sql_type = BigInt)]
    pub overdue: i64,
}

/// The debits under way at `now`.
pub async fn open(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Open> {
    sql_query(
        "select count(*) as debits, count(*) filter (where orders.expires_at < $1) as overdue \
         from debit join orders on orders.id = order_id where debit.state not in ('paid', 'failed')",
    )
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
}

/// Takes debits whose next step is due; they are due again at `next` unless something is written before.
pub async fn claim_due(connection: &mut AsyncPgConnection, now: DateTime<Utc>, next: DateTime<Utc>, limit: i64) -> QueryResult<Vec<Debit>> {
    sql_query(format!(
        "update debit set next_step_at = $2 where order_id in (select order_id from debit where next_step_at <= $1 \
         order by next_step_at limit $3 for update skip locked) returning {COLUMNS}"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(next)
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Debit::try_from)
    .collect()
}

/// Has a debit worked on soon; for one that a webhook named.
pub async fn hasten(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: OrderId) -> QueryResult<usize> {
    sql_query(
        "update debit set next_step_at = least(coalesce(next_step_at, $2), $2) \
         where order_id = $1 and state in ('created', 'notifying', 'redeeming')",
    )
    .bind::<SqlUuid, _>(order.as_uuid())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}
