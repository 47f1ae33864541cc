//! Keys that sign exports.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use service_kit::db::sql_query;

/// A key.
#[derive(Clone, QueryableByName)]
pub struct KeyRow {
    /// Its thumbprint.
    #[diesel(sql_type = sql_types::Text)]
    pub kid: String,
    /// The private half; the first byte says in which form. Gone when it is retired.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Binary>)]
    pub private_key: Option<Vec<u8>>,
    /// The public half.
    #[diesel(sql_type = sql_types::Jsonb)]
    pub public_jwk: Value,
    /// When it was made.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it signed last.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub retired_at: Option<DateTime<Utc>>,
}

/// Every key, the one that signs first, then the later before the earlier.
pub async fn all(connection: &mut AsyncPgConnection) -> QueryResult<Vec<KeyRow>> {
    sql_query("select kid, private_key, public_jwk, created_at, retired_at from signing_key order by retired_at desc nulls first")
        .load(connection)
        .await
}

/// Until the transaction ends, nobody else makes a key.
pub async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    sql_query("select pg_advisory_xact_lock(hashtextextended('groundwork-bcm-signing-key', 0))").execute(connection).await.map(|_| ())
}

/// Ends the key that signs, and destroys its private half.
pub async fn retire(connection: &mut AsyncPgConnection, at: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update signing_key set retired_at = $1, private_key = null where retired_at is null")
        .bind::<sql_types::Timestamptz, _>(at)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Stores the key that signs.
pub async fn insert(connection: &mut AsyncPgConnection, key: &KeyRow) -> QueryResult<()> {
    sql_query("insert into signing_key (kid, private_key, public_jwk, created_at) values ($1, $2, $3, $4)")
        .bind::<sql_types::Text, _>(&key.kid)
        .bind::<sql_types::Nullable<sql_types::Binary>, _>(&key.private_key)
        .bind::<sql_types::Jsonb, _>(&key.public_jwk)
        .bind::<sql_types::Timestamptz, _>(key.created_at)
        .execute(connection)
        .await
        .map(|_| ())
}
