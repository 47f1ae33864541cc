//! Keys that sign access tokens.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Bool, Bytea, Jsonb, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use service_kit::db::sql_query;

/// A key.
#[derive(Clone, QueryableByName)]
pub struct KeyRow {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub kid: String,
    /// The private key; the first byte says in which form.
    #[diesel(sql_type = Bytea)]
    pub private_key: Vec<u8>,
    /// The public key.
    #[diesel(sql_type = Jsonb)]
    pub public_jwk: Value,
    /// Whether it signs no more.
    #[diesel(sql_type = Bool)]
    pub retired: bool,
}

/// The active key, and those retired after `since`.
pub async fn verifying(connection: &mut AsyncPgConnection, since: DateTime<Utc>) -> QueryResult<Vec<KeyRow>> {
    sql_query(
        "select kid, private_key, public_jwk, retired_at is not null as retired from identity.signing_key \
         where algorithm = 'ES256' and (retired_at is null or retired_at > $1) order by created_at desc",
    )
    .bind::<Timestamptz, _>(since)
    .load(connection)
    .await
}

/// Until the transaction ends, nobody else makes a key.
pub async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    sql_query("select pg_advisory_xact_lock(hashtextextended('groundwork-signing-key', 0))").execute(connection).await.map(|_| ())
}

/// Stores a new active key.
pub async fn insert(connection: &mut AsyncPgConnection, key: &KeyRow, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("insert into identity.signing_key (kid, algorithm, private_key, public_jwk, created_at) values ($1, 'ES256', $2, $3, $4)")
        .bind::<Text, _>(&key.kid)
        .bind::<Bytea, _>(&key.private_key)
        .bind::<Jsonb, _>(&key.public_jwk)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}
