//! Webhook receipts.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::OrderId;
use messaging::trace::TraceContext;
use service_kit::db::sql_query;
use uuid::Uuid;

/// Longer than the work on a receipt takes at worst: two tokens and two status calls of 5 s each, and three database
/// check-outs. Receipts claimed by a process that dies wait this long for another.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Some events carry no time, so equal bytes can be a new fact; sooner than this they are the same one sent twice.
const REPEAT_IS_NEWS_AFTER: TimeDelta = TimeDelta::seconds(60);

/// A webhook to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewReceipt<'a> {
    /// SHA-256 of the body.
    pub body_sha256: &'a [u8],
    /// The exact bytes.
    pub body: &'a [u8],
    /// The event it names.
    pub event: Option<&'a str>,
    /// The attempt it names.
    pub merchant_order_id: Option<&'a str>,
}

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = Bool)]
    first: bool,
}

/// Stores a webhook once. A repeat is counted; long after the first was processed it is worked on once more. Returns
/// whether these bytes are new.
pub async fn store(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    receipt: NewReceipt<'_>,
    trace: Option<&TraceContext>,
) -> QueryResult<bool> {
    sql_query(
        "insert into webhook_receipt as r (id, body_sha256, body, event, merchant_order_id, traceparent, tracestate, received_at, \
           last_seen_at, available_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8) \
         on conflict (body_sha256) do update set seen_count = r.seen_count + 1, last_seen_at = $8, \
           processed_at = case when r.processed_at < $9 then null else r.processed_at end, \
           attempts = case when r.processed_at < $9 then 0 else r.attempts end, \
           available_at = case when r.processed_at < $9 then $8 else r.available_at end \
         returning seen_count = 1 as first",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Binary, _>(receipt.body_sha256)
    .bind::<Binary, _>(receipt.body)
    .bind::<Nullable<Text>, _>(receipt.event)
    .bind::<Nullable<Text>, _>(receipt.merchant_order_id)
    .bind::<Nullable<Text>, _>(trace.map(|trace| trace.traceparent.as_str()))
    .bind::<Nullable<Text>, _>(trace.and_then(|trace| trace.tracestate.as_deref()))
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - REPEAT_IS_NEWS_AFTER)
    .get_result::<Inserted>(connection)
    .await
    .map(|row| row.first)
}

/// A receipt to work on.
#[derive(Debug, QueryableByName)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Binary)]
    pub body: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    pub traceparent: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub tracestate: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
}

/// A receipt, for operators.
#[derive(Debug, QueryableByName)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct Listed {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub event: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub merchant_order_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub seen_count: i32,
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub processed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub last_error: Option<String>,
}

/// Which receipts.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// This one.
    pub id: Option<Uuid>,
    /// Those that name an attempt at this order.
    pub order: Option<OrderId>,
    /// Those that came at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Those that were not worked on to their end, or ended with a remark.
    pub troubled: bool,
}

const CHOSEN: &str = "($1::uuid is null or id = $1) and ($2::text is null or merchant_order_id like $2 || '-%') \
                      and ($3::timestamptz is null or received_at >= $3) and (not $4 or processed_at is null or last_error is not null)";

/// The newest receipts, without their bodies.
pub async fn list(connection: &mut AsyncPgConnection, filter: &Filter, limit: i64) -> QueryResult<Vec<Listed>> {
    sql_query(format!(
        "select id, event, merchant_order_id, received_at, seen_count, attempts, processed_at, last_error from webhook_receipt \
         where {CHOSEN} order by received_at desc limit $5"
    ))
    .bind::<Nullable<SqlUuid>, _>(filter.id)
    .bind::<Nullable<Text>, _>(filter.order.map(|order| order.to_string()))
    .bind::<Nullable<Timestamptz>, _>(filter.since)
    .bind::<Bool, _>(filter.troubled)
    .bind::<BigInt, _>(limit)
    .load(connection)
    .await
}

/// Makes the newest of these receipts due again; returns how many.
pub async fn replay(connection: &mut AsyncPgConnection, now: DateTime<Utc>, filter: &Filter, limit: i64) -> QueryResult<usize> {
    sql_query(format!(
        "update webhook_receipt set processed_at = null, attempts = 0, available_at = $6, last_error = null where id in \
         (select id from webhook_receipt where {CHOSEN} order by received_at desc limit $5 for update skip locked)"
    ))
    .bind::<Nullable<SqlUuid>, _>(filter.id)
    .bind::<Nullable<Text>, _>(filter.order.map(|order| order.to_string()))
    .bind::<Nullable<Timestamptz>, _>(filter.since)
    .bind::<Bool, _>(filter.troubled)
    .bind::<BigInt, _>(limit)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Takes up to `limit` due receipts under `token`.
pub async fn claim(connection: &mut AsyncPgConnection, now: DateTime<Utc>, token: Uuid, limit: i64) -> QueryResult<Vec<Claimed>> {
    sql_query(
        "update webhook_receipt set lease_until = $3, lease_token = $2, attempts = attempts + 1 \
         where id in (select id from webhook_receipt where processed_at is null and available_at <= $1 \
                        and (lease_until is null or lease_until <= $1) \
                      order by available_at, id limit $4 for update skip locked) \
         returning id, body, traceparent, tracestate, received_at, attempts",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<SqlUuid, _>(token)
    .bind::<Timestamptz, _>(now + LEASE)
    .bind::<BigInt, _>(limit)
    .get_results(connection)
    .await
}

/// Notes that nothing is left to do for it.
pub async fn processed(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: Uuid,
    token: Uuid,
    remark: Option<&str>,
) -> QueryResult<usize> {
    sql_query(
        "update webhook_receipt set processed_at = $3, last_error = $4, lease_until = null, lease_token = null \
         where id = $1 and lease_token = $2",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(token)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(remark)
    .execute(connection)
    .await
}

/// Puts it back until `at`.
pub async fn postpone(connection: &mut AsyncPgConnection, at: DateTime<Utc>, id: Uuid, token: Uuid, reason: &str) -> QueryResult<usize> {
    sql_query(
        "update webhook_receipt set available_at = $3, last_error = $4, lease_until = null, lease_token = null \
         where id = $1 and lease_token = $2",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(token)
    .bind::<Timestamptz, _>(at)
    .bind::<Text, _>(reason)
    .execute(connection)
    .await
}

/// What waits to be worked on.
#[derive(Debug, QueryableByName)]
pub struct Backlog {
    /// Receipts that are not done with.
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    /// Since when the one that is due for longest has been due.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_since: Option<DateTime<Utc>>,
}

/// How many wait, and since when.
pub async fn backlog(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Backlog> {
    sql_query(
        "select count(*) as pending, min(available_at) filter (where available_at <= $1) as due_since \
         from webhook_receipt where processed_at is null",
    )
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
}
