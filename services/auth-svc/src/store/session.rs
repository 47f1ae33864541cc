//! Sessions of the embedded provider.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Bytea, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

use crate::provider::Origin;

/// A session.
#[derive(Clone, QueryableByName)]
pub struct Session {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// When it began.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it last moved on.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub refreshed_at: Option<DateTime<Utc>>,
    /// When it ends whatever happens.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub not_after: Option<DateTime<Utc>>,
    /// Authenticator assurance level.
    #[diesel(sql_type = Text)]
    pub aal: String,
    /// How the user proved who they are.
    #[diesel(sql_type = Jsonb)]
    pub amr: Value,
    /// Signs its refresh tokens.
    #[diesel(sql_type = Bytea)]
    pub refresh_token_hmac_key: Vec<u8>,
    /// The place of its newest refresh token.
    #[diesel(sql_type = BigInt)]
    pub refresh_token_counter: i64,
}

impl Session {
    /// Whether the person showed who they are within that time.
    pub fn is_fresh(&self, within: TimeDelta, now: DateTime<Utc>) -> bool {
        let proofs = self.amr.as_array().into_iter().flatten();
        let last = proofs.filter_map(|proof| proof.get("timestamp")?.as_i64()).max();
        last.is_some_and(|last| now.timestamp() - last < within.num_seconds())
    }
}

/// Without the key.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Stores a new session.
pub async fn insert(connection: &mut AsyncPgConnection, session: &Session, origin: &Origin) -> QueryResult<()> {
    sql_query(
        "insert into identity.session (id, user_id, created_at, aal, amr, refresh_token_hmac_key, refresh_token_counter, ip, user_agent) \
         values ($1, $2, $3, $4, $5, $6, $7, $8::inet, $9)",
    )
    .bind::<SqlUuid, _>(session.id)
    .bind::<SqlUuid, _>(session.user_id)
    .bind::<Timestamptz, _>(session.created_at)
    .bind::<Text, _>(&session.aal)
    .bind::<Jsonb, _>(&session.amr)
    .bind::<Bytea, _>(&session.refresh_token_hmac_key)
    .bind::<BigInt, _>(session.refresh_token_counter)
    .bind::<Nullable<Text>, _>(origin.ip.map(|ip| ip.to_string()))
    .bind::<Nullable<Text>, _>(origin.user_agent.as_deref())
    .execute(connection)
    .await
    .map(|_| ())
}

/// The session, locked until the transaction ends.
pub async fn lock(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<Session>> {
    sql_query(
        "select id, user_id, created_at, refreshed_at, not_after, aal, amr, refresh_token_hmac_key, refresh_token_counter \
         from identity.session where id = $1 for update",
    )
    .bind::<SqlUuid, _>(id)
    .get_result(connection)
    .await
    .optional()
}

/// Stores the session's new counter, and from where it was refreshed.
pub async fn moved_on(connection: &mut AsyncPgConnection, session: &Session, origin: &Origin) -> QueryResult<()> {
    sql_query("update identity.session set refresh_token_counter = $2, refreshed_at = $3, ip = $4::inet, user_agent = $5 where id = $1")
        .bind::<SqlUuid, _>(session.id)
        .bind::<BigInt, _>(session.refresh_token_counter)
        .bind::<Nullable<Timestamptz>, _>(session.refreshed_at)
        .bind::<Nullable<Text>, _>(origin.ip.map(|ip| ip.to_string()))
        .bind::<Nullable<Text>, _>(origin.user_agent.as_deref())
        .execute(connection)
        .await
        .map(|_| ())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Whether the session is one of the user's.
pub async fn exists(connection: &mut AsyncPgConnection, id: Uuid, user: Uuid) -> QueryResult<bool> {
    sql_query("select exists(select from identity.session where id = $1 and user_id = $2) as found")
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(user)
        .get_result::<Found>(connection)
        .await
        .map(|row| row.found)
}

/// Ends one session; returns how many ended.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<usize> {
    sql_query("delete from identity.session where id = $1").bind::<SqlUuid, _>(id).execute(connection).await
}

/// Ends every session of the user.
pub async fn delete_all(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<usize> {
    sql_query("delete from identity.session where user_id = $1").bind::<SqlUuid, _>(user).execute(connection).await
}

/// Ends every session of the user but one.
pub async fn delete_others(connection: &mut AsyncPgConnection, user: Uuid, kept: Uuid) -> QueryResult<usize> {
    sql_query("delete from identity.session where user_id = $1 and id <> $2")
        .bind::<SqlUuid, _>(user)
        .bind::<SqlUuid, _>(kept)
        .execute(connection)
        .await
}

/// The session gained a factor: its tokens so far cannot follow, and it says so from now on.
pub async fn raised(connection: &mut AsyncPgConnection, session: &Session) -> QueryResult<()> {
    sql_query(
        "update identity.session set aal = $2, amr = $3, refresh_token_hmac_key = $4, refresh_token_counter = $5, refreshed_at = $6 \
         where id = $1",
    )
    .bind::<SqlUuid, _>(session.id)
    .bind::<Text, _>(&session.aal)
    .bind::<Jsonb, _>(&session.amr)
    .bind::<Bytea, _>(&session.refresh_token_hmac_key)
    .bind::<BigInt, _>(session.refresh_token_counter)
    .bind::<Nullable<Timestamptz>, _>(session.refreshed_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Ends the user's sessions that have one factor only, but the one that is kept.
pub async fn delete_other_single_factor(connection: &mut AsyncPgConnection, user: Uuid, kept: Uuid) -> QueryResult<usize> {
    sql_query("delete from identity.session where user_id = $1 and id <> $2 and aal = 'aal1'")
        .bind::<SqlUuid, _>(user)
        .bind::<SqlUuid, _>(kept)
        .execute(connection)
        .await
}

/// The user has no second factor any more: no session claims one.
pub async fn lower(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<usize> {
    sql_query("update identity.session set aal = 'aal1' where user_id = $1 and aal <> 'aal1'")
        .bind::<SqlUuid, _>(user)
        .execute(connection)
        .await
}

/// A session as its user sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Listed {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// When it began.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it last moved on.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub refreshed_at: Option<DateTime<Utc>>,
    /// Authenticator assurance level.
    #[diesel(sql_type = Text)]
    pub aal: String,
    /// The client's own name for itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub user_agent: Option<String>,
    /// Where it was last used from.
    #[diesel(sql_type = Nullable<Text>)]
    pub ip: Option<String>,
}

/// The user's sessions, the latest first.
pub async fn of_user(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<Vec<Listed>> {
    sql_query(
        "select id, created_at, refreshed_at, aal, user_agent, host(ip) as ip from identity.session where user_id = $1 \
         order by coalesce(refreshed_at, created_at) desc, id desc",
    )
    .bind::<SqlUuid, _>(user)
    .load(connection)
    .await
}
