//! Secret keys of servers that manage accounts.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A key as operators see it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ServiceKey {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// What it is for.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it opens nothing.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Stores a key.
pub async fn insert(connection: &mut AsyncPgConnection, id: Uuid, name: &str, key_hash: &[u8], now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("insert into identity.service_key (id, name, key_hash, created_at) values ($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(name)
        .bind::<Bytea, _>(key_hash)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The living key with the hash, and notes that it is used.
pub async fn used(connection: &mut AsyncPgConnection, key_hash: &[u8], now: DateTime<Utc>) -> QueryResult<Option<Uuid>> {
    let row = sql_query(
        "with living as (select id, last_used_at from identity.service_key where key_hash = $1 and revoked_at is null), \
           noted as (update identity.service_key set last_used_at = $2 \
             where id in (select id from living where last_used_at is null or last_used_at < $2 - interval '1 minute')) \
         select id from living",
    )
    .bind::<Bytea, _>(key_hash)
    .bind::<Timestamptz, _>(now)
    .get_result::<Id>(connection)
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// Every key, the oldest first.
pub async fn list(connection: &mut AsyncPgConnection) -> QueryResult<Vec<ServiceKey>> {
    sql_query("select id, name, created_at, last_used_at, revoked_at from identity.service_key order by created_at, id")
        .load(connection)
        .await
}

/// Ends a key; whether there was such a living one.
pub async fn revoke(connection: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> QueryResult<bool> {
    sql_query("update identity.service_key set revoked_at = $2 where id = $1 and revoked_at is null")
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|changed| changed == 1)
}
