//! Open proofs that a person reads mail at an address.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Array, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A proof that was mailed and not brought yet.
#[derive(Clone, QueryableByName)]
pub struct OneTimeToken {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// The text of [`crate::provider::one_time::Purpose`].
    #[diesel(sql_type = Text)]
    pub purpose: String,
    /// Where the mail went, in lower case.
    #[diesel(sql_type = Text)]
    pub address: String,
    /// SHA-256 of the link's token.
    #[diesel(sql_type = Bytea)]
    pub link_hash: Vec<u8>,
    /// SHA-256 of the row's id and the code.
    #[diesel(sql_type = Bytea)]
    pub code_hash: Vec<u8>,
    /// The sign-in that waits for it.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub flow_id: Option<Uuid>,
    /// Codes that were tried and wrong.
    #[diesel(sql_type = Integer)]
    pub wrong_codes: i32,
    /// When the mail was written.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When the code ends.
    #[diesel(sql_type = Timestamptz)]
    pub code_expires_at: DateTime<Utc>,
    /// When the link ends.
    #[diesel(sql_type = Timestamptz)]
    pub link_expires_at: DateTime<Utc>,
}

const COLUMNS: &str =
    "id, user_id, purpose, address, link_hash, code_hash, flow_id, wrong_codes, created_at, code_expires_at, link_expires_at";

/// [`super::user::lock`] says why the users come first.
const OWNERS: &str = "select from auth.users where id in";
const LOCKED_IN_ORDER: &str = "order by id for no key update";

/// Stores the token in the place of an older one of its purpose.
pub async fn replace(connection: &mut AsyncPgConnection, token: &OneTimeToken) -> QueryResult<()> {
    sql_query(
        "insert into identity.one_time_token \
           (id, user_id, purpose, address, link_hash, code_hash, flow_id, created_at, code_expires_at, link_expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         on conflict (user_id, purpose) do update set id = excluded.id, address = excluded.address, link_hash = excluded.link_hash, \
           code_hash = excluded.code_hash, flow_id = excluded.flow_id, wrong_codes = 0, created_at = excluded.created_at, \
           code_expires_at = excluded.code_expires_at, link_expires_at = excluded.link_expires_at",
    )
    .bind::<SqlUuid, _>(token.id)
    .bind::<SqlUuid, _>(token.user_id)
    .bind::<Text, _>(&token.purpose)
    .bind::<Text, _>(&token.address)
    .bind::<Bytea, _>(&token.link_hash)
    .bind::<Bytea, _>(&token.code_hash)
    .bind::<Nullable<SqlUuid>, _>(token.flow_id)
    .bind::<Timestamptz, _>(token.created_at)
    .bind::<Timestamptz, _>(token.code_expires_at)
    .bind::<Timestamptz, _>(token.link_expires_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The token behind a link, locked until the transaction ends, after its user.
pub async fn lock_by_link(connection: &mut AsyncPgConnection, link_hash: &[u8], purposes: &[&str]) -> QueryResult<Option<OneTimeToken>> {
    sql_query(format!("{OWNERS} (select user_id from identity.one_time_token where link_hash = $1) {LOCKED_IN_ORDER}"))
        .bind::<Bytea, _>(link_hash)
        .execute(connection)
        .await?;
    sql_query(format!("select {COLUMNS} from identity.one_time_token where link_hash = $1 and purpose = any($2) for update"))
        .bind::<Bytea, _>(link_hash)
        .bind::<Array<Text>, _>(purposes)
        .get_result(connection)
        .await
        .optional()
}

/// The tokens that were mailed to an address, locked until the transaction ends, after their users.
pub async fn lock_by_address(connection: &mut AsyncPgConnection, address: &str, purposes: &[&str]) -> QueryResult<Vec<OneTimeToken>> {
    sql_query(format!("{OWNERS} (select user_id from identity.one_time_token where address = $1) {LOCKED_IN_ORDER}"))
        .bind::<Text, _>(address)
        .execute(connection)
        .await?;
    sql_query(format!("select {COLUMNS} from identity.one_time_token where address = $1 and purpose = any($2) order by id for update"))
        .bind::<Text, _>(address)
        .bind::<Array<Text>, _>(purposes)
        .load(connection)
        .await
}

/// The user's token of a purpose, locked until the transaction ends.
pub async fn lock_of_user(connection: &mut AsyncPgConnection, user: Uuid, purpose: &str) -> QueryResult<Option<OneTimeToken>> {
    sql_query(format!("select {COLUMNS} from identity.one_time_token where user_id = $1 and purpose = $2 for update"))
        .bind::<SqlUuid, _>(user)
        .bind::<Text, _>(purpose)
        .get_result(connection)
        .await
        .optional()
}

/// Counts a wrong code; the token is gone after `most` of them.
pub async fn wrong_code(connection: &mut AsyncPgConnection, id: Uuid, most: i32) -> QueryResult<()> {
    sql_query("update identity.one_time_token set wrong_codes = wrong_codes + 1 where id = $1")
        .bind::<SqlUuid, _>(id)
        .execute(connection)
        .await?;
    sql_query("delete from identity.one_time_token where id = $1 and wrong_codes >= $2")
        .bind::<SqlUuid, _>(id)
        .bind::<Integer, _>(most)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes one away.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.one_time_token where id = $1").bind::<SqlUuid, _>(id).execute(connection).await.map(|_| ())
}

/// Takes all of a user's away.
pub async fn delete_all(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.one_time_token where user_id = $1").bind::<SqlUuid, _>(user).execute(connection).await.map(|_| ())
}

/// Takes away what has ended; returns how many.
pub async fn delete_expired(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    sql_query("delete from identity.one_time_token where link_expires_at < $1").bind::<Timestamptz, _>(now).execute(connection).await
}
