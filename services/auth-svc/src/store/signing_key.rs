//! Keys that sign access tokens.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Bytea, Jsonb, Nullable, Text, Timestamptz},
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
    /// When it was made, and published.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When its last token is signed; the newest key has no end yet.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub retired_at: Option<DateTime<Utc>>,
}

/// The newest key, and those that are retired after `since`, in the order in which they sign.
pub async fn verifying(connection: &mut AsyncPgConnection, since: DateTime<Utc>) -> QueryResult<Vec<KeyRow>> {
    sql_query(
        "select kid, private_key, public_jwk, created_at, retired_at from identity.signing_key \
         where algorithm = 'ES256' and (retired_at is null or retired_at > $1) order by retired_at nulls last",
    )
    .bind::<Timestamptz, _>(since)
    .load(connection)
    .await
}

/// Until the transaction ends, nobody else makes a key.
pub async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    sql_query("select pg_advisory_xact_lock(hashtextextended('groundwork-signing-key', 0))").execute(connection).await.map(|_| ())
}

/// Ends the newest key at a moment to come, so that another one can be stored.
pub async fn retire(connection: &mut AsyncPgConnection, kid: &str, at: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.signing_key set retired_at = $2 where kid = $1")
        .bind::<Text, _>(kid)
        .bind::<Timestamptz, _>(at)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Stores a new key, the newest.
pub async fn insert(connection: &mut AsyncPgConnection, key: &KeyRow) -> QueryResult<()> {
    sql_query("insert into identity.signing_key (kid, algorithm, private_key, public_jwk, created_at) values ($1, 'ES256', $2, $3, $4)")
        .bind::<Text, _>(&key.kid)
        .bind::<Bytea, _>(&key.private_key)
        .bind::<Jsonb, _>(&key.public_jwk)
        .bind::<Timestamptz, _>(key.created_at)
        .execute(connection)
        .await
        .map(|_| ())
}
