//! `Idempotency-Key`, kept in PostgreSQL in the same transaction as the effect.
//!
//! The row points to the resource that the first request made; a repeat renders that resource's present answer
//! (decisions: *Idempotency*). A concurrent repeat waits for the first one's transaction, at most five seconds.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Bytea, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{ErrorCode, ids::UserId};
use sha2::{Digest, Sha256};

use crate::{db::DbError, http::Problem};

/// How long a key is remembered.
const LIFE: TimeDelta = TimeDelta::hours(24);

/// The header's value: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads a header's value.
    pub fn parse(value: &str) -> Option<Self> {
        let fits = (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(value.to_owned()))
    }
}

/// The optional header of a request.
#[derive(Debug, Clone)]
pub struct OptionalIdempotencyKey(pub Option<IdempotencyKey>);

impl FromRequest for OptionalIdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = match request.headers().get("idempotency-key") {
            None => Ok(Self(None)),
            Some(value) => value
                .to_str()
                .ok()
                .and_then(IdempotencyKey::parse)
                .map(|key| Self(Some(key)))
                .ok_or_else(|| Problem::new(ErrorCode::IdempotencyKeyInvalid)),
        };
        ready(key)
    }
}

/// A key in its scope (user and route) with the fingerprint of the request it came with.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    scope: String,
    key: IdempotencyKey,
    fingerprint: Vec<u8>,
}

impl KeyedRequest {
    /// Of a request to `route` (`POST /api/payments/v2/initiate`) with the given body. Scope it to the workspace as
    /// well, where the route has one, by putting it in `route`.
    pub fn new(user: UserId, route: &str, key: IdempotencyKey, body: &[u8]) -> Self {
        Self { scope: format!("{user} {route}"), key, fingerprint: Sha256::digest(body).to_vec() }
    }
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: go on, then call [`remember`] in the same transaction.
    First,
    /// The same request was done; this is the resource it made.
    Before(String),
}

/// Why a keyed request cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The key came with another body.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// The first request is still running after five seconds.
    #[error("a request with the same idempotency key is still running")]
    InFlight,
    /// The database failed.
    #[error(transparent)]
    Db(DbError),
}

impl From<diesel::result::Error> for IdempotencyError {
    fn from(error: diesel::result::Error) -> Self {
        match DbError::from(error) {
            DbError::LockTimeout => Self::InFlight,
            error => Self::Db(error),
        }
    }
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Reused => Self::new(ErrorCode::IdempotencyKeyReused),
            IdempotencyError::InFlight => Self::new(ErrorCode::IdempotencyInFlight).retry_after(2),
            IdempotencyError::Db(error) => error.into(),
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bytea)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    resource: Option<String>,
}

/// Claims the key inside the caller's transaction, as its first statement.
pub async fn claim(connection: &mut AsyncPgConnection, request: &KeyedRequest, now: DateTime<Utc>) -> Result<Seen, IdempotencyError> {
    crate::db::sql_query("delete from idempotency_key where scope = $1 and key = $2 and expires_at <= $3")
        .bind::<Text, _>(&request.scope)
        .bind::<Text, _>(&request.key.0)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await?;
    let inserted = crate::db::sql_query(
        "insert into idempotency_key (scope, key, fingerprint, created_at, expires_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind::<Text, _>(&request.scope)
    .bind::<Text, _>(&request.key.0)
    .bind::<Bytea, _>(&request.fingerprint)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now + LIFE)
    .execute(connection)
    .await?;
    if inserted == 1 {
        return Ok(Seen::First);
    }
    let row = crate::db::sql_query("select fingerprint, resource from idempotency_key where scope = $1 and key = $2")
        .bind::<Text, _>(&request.scope)
        .bind::<Text, _>(&request.key.0)
        .get_result::<Row>(connection)
        .await
        .optional()?;
    match row {
        Some(row) if row.fingerprint != request.fingerprint => Err(IdempotencyError::Reused),
        Some(Row { resource: Some(resource), .. }) => Ok(Seen::Before(resource)),
        Some(_) | None => Err(IdempotencyError::InFlight),
    }
}

/// Notes the resource that the request made, in the same transaction.
pub async fn remember(connection: &mut AsyncPgConnection, request: &KeyedRequest, resource: &str) -> Result<(), diesel::result::Error> {
    crate::db::sql_query("update idempotency_key set resource = $3 where scope = $1 and key = $2")
        .bind::<Text, _>(&request.scope)
        .bind::<Text, _>(&request.key.0)
        .bind::<Text, _>(resource)
        .execute(connection)
        .await
        .map(|_| ())
}
