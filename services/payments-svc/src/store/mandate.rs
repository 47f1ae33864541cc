//! Mandates to debit payers.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{MandateId, UserId, WorkspaceId},
    mandate::MandateState,
    money::Paise,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;
use crate::phonepe::AutopayApi;

/// A mandate as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Its id.
    pub id: MandateId,
    /// The workspace whose periods it pays.
    pub workspace: WorkspaceId,
    /// Who approved it, or is to.
    pub user: UserId,
    /// Where it stands.
    pub state: MandateState,
    /// What the provider knows it by, once an attempt was approved.
    pub merchant_subscription_id: Option<String>,
    /// The provider's API that it belongs to.
    pub api: AutopayApi,
    /// The most that one debit may take.
    pub max_amount: Paise,
    /// Whether the provider is to be told to end it.
    pub cancel_wanted: bool,
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
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    merchant_subscription_id: Option<String>,
    #[diesel(sql_type = Text)]
    api: String,
    #[diesel(sql_type = BigInt)]
    max_amount: i64,
    #[diesel(sql_type = Bool)]
    cancel_wanted: bool,
}

impl TryFrom<Row> for Mandate {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            user: row.user_id.into(),
            state: parse(&row.state)?,
            merchant_subscription_id: row.merchant_subscription_id,
            api: parse(&row.api)?,
            max_amount: Paise::new(row.max_amount),
            cancel_wanted: row.cancel_wanted,
        })
    }
}

const COLUMNS: &str = "id, workspace_id, user_id, state, merchant_subscription_id, api, max_amount, cancel_wanted";

/// Stores a mandate that is to be approved.
pub async fn insert(connection: &mut AsyncPgConnection, now: DateTime<Utc>, mandate: &Mandate) -> QueryResult<usize> {
    sql_query(
        "insert into mandate (id, workspace_id, user_id, state, api, max_amount, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind::<SqlUuid, _>(mandate.id.as_uuid())
    .bind::<SqlUuid, _>(mandate.workspace.as_uuid())
    .bind::<SqlUuid, _>(mandate.user.as_uuid())
    .bind::<Text, _>(mandate.state.as_str())
    .bind::<Text, _>(mandate.api.as_str())
    .bind::<BigInt, _>(mandate.max_amount.get())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// A mandate.
pub async fn find(connection: &mut AsyncPgConnection, id: MandateId) -> QueryResult<Option<Mandate>> {
    select(connection, id, "").await
}

/// The same, locked for the rest of the transaction.
pub async fn lock(connection: &mut AsyncPgConnection, id: MandateId) -> QueryResult<Option<Mandate>> {
    select(connection, id, "for update").await
}

async fn select(connection: &mut AsyncPgConnection, id: MandateId, lock: &str) -> QueryResult<Option<Mandate>> {
    sql_query(format!("select {COLUMNS} from mandate where id = $1 {lock}"))
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Mandate::try_from)
        .transpose()
}

/// Notes by which name the provider knows it: an attempt at its setup was paid. It is asked about at once.
pub async fn approved(connection: &mut AsyncPgConnection, now: DateTime<Utc>, id: MandateId, name: &str) -> QueryResult<usize> {
    sql_query(
        "update mandate set merchant_subscription_id = $2, next_check_at = $3, updated_at = $3 \
         where id = $1 and merchant_subscription_id is null",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .bind::<Text, _>(name)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Writes the state of a mandate that was locked before, and when it is asked about next.
pub async fn update(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: MandateId,
    state: MandateState,
    next_check_at: Option<DateTime<Utc>>,
) -> QueryResult<usize> {
    sql_query("update mandate set state = $2, next_check_at = $3, updated_at = $4 where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(state.as_str())
        .bind::<Nullable<Timestamptz>, _>(next_check_at)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
}

/// Has the live mandates of a workspace ended, but for one.
pub async fn want_canceled(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    but: Option<MandateId>,
) -> QueryResult<usize> {
    sql_query(
        "update mandate set cancel_wanted = true, next_check_at = $2, updated_at = $2 \
         where workspace_id = $1 and state in ('pending', 'active', 'paused') and merchant_subscription_id is not null \
           and id is distinct from $3 and not cancel_wanted",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<SqlUuid>, _>(but.map(MandateId::as_uuid))
    .execute(connection)
    .await
}

/// Has the provider asked about a mandate soon; for one that it named in a webhook.
pub async fn hasten(connection: &mut AsyncPgConnection, now: DateTime<Utc>, name: &str) -> QueryResult<usize> {
    sql_query(
        "update mandate set next_check_at = least(coalesce(next_check_at, $2), $2) \
         where merchant_subscription_id = $1 and state in ('pending', 'active', 'paused')",
    )
    .bind::<Text, _>(name)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// Mandates in one state.
#[derive(Debug, QueryableByName)]
pub struct InState {
    /// The state.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub mandates: i64,
    /// How many of them the provider is to end.
    #[diesel(sql_type = BigInt)]
    pub to_end: i64,
}

/// Mandates by state.
pub async fn by_state(connection: &mut AsyncPgConnection) -> QueryResult<Vec<InState>> {
    sql_query(
        "select state, count(*) as mandates, \
           count(*) filter (where cancel_wanted and merchant_subscription_id is not null and state in ('pending', 'active', 'paused')) as to_end \
         from mandate group by state",
    )
    .get_results(connection)
    .await
}

/// Takes mandates whose check is due; they are due again at `next` unless something is written before.
pub async fn claim_due(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    next: DateTime<Utc>,
    limit: i64,
) -> QueryResult<Vec<Mandate>> {
    sql_query(format!(
        "update mandate set next_check_at = $2 where id in (select id from mandate where next_check_at <= $1 order by next_check_at \
         limit $3 for update skip locked) returning {COLUMNS}"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(next)
    .bind::<BigInt, _>(limit)
    .get_results::<Row>(connection)
    .await?
    .into_iter()
    .map(Mandate::try_from)
    .collect()
}
