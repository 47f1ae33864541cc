//! Projections that the gate reads: the last state of each thing, by the events of its service.
//!
//! A row takes an event only when it is newer; each `upsert` says whether it was.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    event::{ManifestGenerated, OnboardingEvent, PaymentEvent, SubscriptionEvent},
    ids::WorkspaceId,
};
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::{auth::Claims, db::sql_query};
use uuid::Uuid;

use super::profile::{Membership, Profile};

/// A row of `gate_subscription`.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns are the event's fields")]
pub struct SubscriptionRow {
    pub subscription_id: Uuid,
    pub plan: String,
    pub status: String,
    pub period_end: DateTime<Utc>,
    pub grace_end: Option<DateTime<Utc>>,
    pub entitlements: Value,
}

/// A row of `gate_order`.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns are the event's fields")]
pub struct OrderRow {
    pub order_id: Uuid,
    pub status: String,
    pub plan: String,
    pub cycle: String,
    pub amount: i64,
}

/// A row of `gate_onboarding`.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns are the event's fields")]
pub struct OnboardingRow {
    pub status: String,
    pub steps_done: i32,
    pub steps_total: i32,
    pub percent: i32,
    pub next_step: Option<String>,
}

/// A row of `gate_manifest`.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns are the event's fields")]
pub struct ManifestRow {
    pub version: String,
    pub checksum: String,
    pub generated_at: DateTime<Utc>,
}

/// What is known of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Projections {
    /// Its subscription.
    pub subscription: Option<SubscriptionRow>,
    /// Its open order.
    pub order: Option<OrderRow>,
    /// Its onboarding.
    pub onboarding: Option<OnboardingRow>,
    /// Its manifest.
    pub manifest: Option<ManifestRow>,
}

/// What the gate read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whether the user's address is confirmed; nothing without the embedded provider, or without the account.
    pub email_confirmed: Option<bool>,
    /// The profile, once provisioned.
    pub profile: Option<Profile>,
    /// Every live workspace of the user, the oldest first.
    pub workspaces: Vec<Membership>,
    /// What is known of the workspace.
    pub projections: Projections,
}

#[derive(QueryableByName)]
struct SeenRow {
    #[diesel(sql_type = Nullable<Bool>)]
    email_confirmed: Option<bool>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    profile: Option<Value>,
    #[diesel(sql_type = Jsonb)]
    workspaces: Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    subscription: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    open_order: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    onboarding: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    manifest: Option<Value>,
}

/// Reads all of it in one round trip, by the rights of the user whose `claims` these are: of the workspace that is named, or
/// of the oldest one. Accounts are the service's own (`embedded`), or another provider's. Not inside a transaction: the rest
/// of it would be the user's, too.
pub async fn read(
    connection: &mut AsyncPgConnection,
    claims: &Claims,
    named: Option<WorkspaceId>,
    confirmed_since: DateTime<Utc>,
    embedded: bool,
) -> QueryResult<Seen> {
    // The account is looked at by the service's rights: they are checked before the function takes the user's.
    const WITH_ACCOUNT: &str = "select g.*, (select email_confirmed_at is not null from auth.users where id = $2) as email_confirmed \
                                from identity.read_gate($1, $2, $3, $4) g";
    const WITHOUT: &str = "select g.*, null::boolean as email_confirmed from identity.read_gate($1, $2, $3, $4) g";
    let row = sql_query(if embedded { WITH_ACCOUNT } else { WITHOUT })
        .bind::<Text, _>(claims.as_json())
        .bind::<SqlUuid, _>(claims.user.as_uuid())
        .bind::<Nullable<SqlUuid>, _>(named.map(WorkspaceId::as_uuid))
        .bind::<Timestamptz, _>(confirmed_since)
        .get_result::<SeenRow>(connection)
        .await?;
    Ok(Seen {
        email_confirmed: row.email_confirmed,
        profile: parse(row.profile)?,
        workspaces: parse(Some(row.workspaces))?.unwrap_or_default(),
        projections: Projections {
            subscription: parse(row.subscription)?,
            order: parse(row.open_order)?,
            onboarding: parse(row.onboarding)?,
            manifest: parse(row.manifest)?,
        },
    })
}

fn parse<T: serde::de::DeserializeOwned>(row: Option<Value>) -> QueryResult<Option<T>> {
    row.map(serde_json::from_value).transpose().map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

/// Takes the state of a subscription. A later subscription of the same workspace counts as newer: ids grow with time.
pub async fn upsert_subscription(
    connection: &mut AsyncPgConnection,
    event: &SubscriptionEvent,
    sequence: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into identity.gate_subscription as g \
           (workspace_id, subscription_id, plan, status, period_end, grace_end, entitlements, sequence, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (workspace_id) do update set subscription_id = excluded.subscription_id, plan = excluded.plan, \
           status = excluded.status, period_end = excluded.period_end, grace_end = excluded.grace_end, \
           entitlements = excluded.entitlements, sequence = excluded.sequence, updated_at = excluded.updated_at \
         where (g.subscription_id, g.sequence) < (excluded.subscription_id, excluded.sequence)",
    )
    .bind::<SqlUuid, _>(event.workspace_id.as_uuid())
    .bind::<SqlUuid, _>(event.subscription_id.as_uuid())
    .bind::<Text, _>(event.plan.to_string())
    .bind::<Text, _>(event.status.to_string())
    .bind::<Timestamptz, _>(event.period_end)
    .bind::<Nullable<Timestamptz>, _>(event.grace_end)
    .bind::<Jsonb, _>(json!(event.entitlements))
    .bind::<BigInt, _>(sequence)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|rows| rows == 1)
}

/// Takes the state of an order, named by its last event (`pending`, `confirmed`, `failed`, `refunded`).
pub async fn upsert_order(
    connection: &mut AsyncPgConnection,
    event: &PaymentEvent,
    status: &str,
    sequence: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into identity.gate_order as g (order_id, workspace_id, status, plan, cycle, amount, sequence, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (order_id) do update set status = excluded.status, plan = excluded.plan, cycle = excluded.cycle, \
           amount = excluded.amount, sequence = excluded.sequence, updated_at = excluded.updated_at \
         where g.sequence < excluded.sequence",
    )
    .bind::<SqlUuid, _>(event.order_id.as_uuid())
    .bind::<SqlUuid, _>(event.workspace_id.as_uuid())
    .bind::<Text, _>(status)
    .bind::<Text, _>(event.plan.to_string())
    .bind::<Text, _>(event.cycle.to_string())
    .bind::<BigInt, _>(event.amount.get())
    .bind::<BigInt, _>(sequence)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|rows| rows == 1)
}

/// Takes the state of an onboarding.
pub async fn upsert_onboarding(
    connection: &mut AsyncPgConnection,
    event: &OnboardingEvent,
    sequence: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into identity.gate_onboarding as g \
           (workspace_id, status, steps_done, steps_total, percent, next_step, sequence, updated_at) \
         values ($1, $2, $3, $4, least($5, 100), $6, $7, $8) \
         on conflict (workspace_id) do update set status = excluded.status, steps_done = excluded.steps_done, \
           steps_total = excluded.steps_total, percent = excluded.percent, next_step = excluded.next_step, \
           sequence = excluded.sequence, updated_at = excluded.updated_at \
         where g.sequence < excluded.sequence",
    )
    .bind::<SqlUuid, _>(event.workspace_id.as_uuid())
    .bind::<Text, _>(event.status.to_string())
    .bind::<Integer, _>(i32::try_from(event.steps_done).unwrap_or(i32::MAX))
    .bind::<Integer, _>(i32::try_from(event.steps_total).unwrap_or(i32::MAX))
    .bind::<Integer, _>(i32::from(event.percent))
    .bind::<Nullable<Text>, _>(event.next_step.as_deref())
    .bind::<BigInt, _>(sequence)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|rows| rows == 1)
}

/// Takes a finalize, which says nothing of the steps: they stay as they were, or are all done.
pub async fn finalize_onboarding(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    steps_total: i32,
    sequence: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into identity.gate_onboarding as g \
           (workspace_id, status, steps_done, steps_total, percent, next_step, sequence, updated_at) \
         values ($1, 'finalizing', $2, $2, 100, null, $3, $4) \
         on conflict (workspace_id) do update set status = excluded.status, next_step = null, \
           sequence = excluded.sequence, updated_at = excluded.updated_at \
         where g.sequence < excluded.sequence",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Integer, _>(steps_total)
    .bind::<BigInt, _>(sequence)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|rows| rows == 1)
}

/// Takes the current version of a manifest.
pub async fn upsert_manifest(
    connection: &mut AsyncPgConnection,
    event: &ManifestGenerated,
    sequence: i64,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into identity.gate_manifest as g (workspace_id, version, sequence_no, checksum, generated_at, sequence, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (workspace_id) do update set version = excluded.version, sequence_no = excluded.sequence_no, \
           checksum = excluded.checksum, generated_at = excluded.generated_at, sequence = excluded.sequence, \
           updated_at = excluded.updated_at \
         where g.sequence < excluded.sequence",
    )
    .bind::<SqlUuid, _>(event.workspace_id.as_uuid())
    .bind::<Text, _>(&event.version)
    .bind::<Integer, _>(i32::try_from(event.sequence).unwrap_or(i32::MAX))
    .bind::<Text, _>(&event.checksum)
    .bind::<Timestamptz, _>(event.generated_at)
    .bind::<BigInt, _>(sequence)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|rows| rows == 1)
}

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    state: String,
}

/// For each workspace a text that changes whenever the gate's answer may.
pub async fn states(connection: &mut AsyncPgConnection, workspaces: &[Uuid]) -> QueryResult<Vec<(WorkspaceId, String)>> {
    let rows = sql_query(
        "select w.id, concat_ws('/', w.name, s.subscription_id, s.sequence, b.sequence, m.sequence, \
             (select max(o.updated_at) from identity.gate_order o where o.workspace_id = w.id), \
             (select string_agg(p.user_id || p.role, ',' order by p.user_id) from identity.memberships p where p.workspace_id = w.id)) as state \
         from identity.workspaces w \
         left join identity.gate_subscription s on s.workspace_id = w.id \
         left join identity.gate_onboarding b on b.workspace_id = w.id \
         left join identity.gate_manifest m on m.workspace_id = w.id \
         where w.id = any($1)",
    )
    .bind::<Array<SqlUuid>, _>(workspaces)
    .load::<State>(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (WorkspaceId::from_uuid(row.id), row.state)).collect())
}
