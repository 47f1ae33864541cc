//! Second factors and their challenges.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A second factor.
#[derive(Clone, QueryableByName)]
pub struct Factor {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// What the user calls it; may be empty.
    #[diesel(sql_type = Text)]
    pub friendly_name: String,
    /// Whether a code of it was ever given.
    #[diesel(sql_type = Bool)]
    pub verified: bool,
    /// The shared secret, sealed.
    #[diesel(sql_type = Bytea)]
    pub secret: Vec<u8>,
    /// The time step of the last code that was accepted.
    #[diesel(sql_type = BigInt)]
    pub last_step: i64,
    /// When a code was last asked for.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_challenged_at: Option<DateTime<Utc>>,
    /// When it was enrolled.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

/// Without the secret.
impl std::fmt::Debug for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factor").field("id", &self.id).field("verified", &self.verified).finish_non_exhaustive()
    }
}

const COLUMNS: &str =
    "id, user_id, friendly_name, status = 'verified' as verified, secret, last_step, last_challenged_at, created_at, updated_at";

/// Stores a factor that is not verified yet.
pub async fn insert(connection: &mut AsyncPgConnection, factor: &Factor) -> QueryResult<()> {
    sql_query("insert into identity.factor (id, user_id, friendly_name, secret, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)")
        .bind::<SqlUuid, _>(factor.id)
        .bind::<SqlUuid, _>(factor.user_id)
        .bind::<Text, _>(&factor.friendly_name)
        .bind::<Bytea, _>(&factor.secret)
        .bind::<Timestamptz, _>(factor.created_at)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The user's factors, oldest first.
pub async fn of_user(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<Vec<Factor>> {
    sql_query(format!("select {COLUMNS} from identity.factor where user_id = $1 order by created_at, id"))
        .bind::<SqlUuid, _>(user)
        .load(connection)
        .await
}

/// A factor of the user, locked until the transaction ends.
pub async fn lock(connection: &mut AsyncPgConnection, user: Uuid, id: Uuid) -> QueryResult<Option<Factor>> {
    sql_query(format!("select {COLUMNS} from identity.factor where id = $1 and user_id = $2 for update"))
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(user)
        .get_result(connection)
        .await
        .optional()
}

/// A code of the time step was accepted.
pub async fn accepted(connection: &mut AsyncPgConnection, id: Uuid, step: i64, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.factor set status = 'verified', last_step = $2, updated_at = $3 where id = $1")
        .bind::<SqlUuid, _>(id)
        .bind::<BigInt, _>(step)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes a factor away, with its challenges.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.factor where id = $1").bind::<SqlUuid, _>(id).execute(connection).await.map(|_| ())
}

/// Takes all of a user's away.
pub async fn delete_all(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.factor where user_id = $1").bind::<SqlUuid, _>(user).execute(connection).await.map(|_| ())
}

/// Takes away the user's factors of which no code was ever given, if they are older than `before`.
pub async fn delete_unverified(connection: &mut AsyncPgConnection, user: Uuid, before: DateTime<Utc>) -> QueryResult<()> {
    sql_query("delete from identity.factor where user_id = $1 and status = 'unverified' and created_at <= $2")
        .bind::<SqlUuid, _>(user)
        .bind::<Timestamptz, _>(before)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Stores a challenge.
pub async fn challenge(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    factor: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> QueryResult<()> {
    sql_query("delete from identity.factor_challenge where factor_id = $1 and expires_at < $2")
        .bind::<SqlUuid, _>(factor)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await?;
    sql_query("insert into identity.factor_challenge (id, factor_id, created_at, expires_at) values ($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(factor)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(expires_at)
        .execute(connection)
        .await?;
    sql_query("update identity.factor set last_challenged_at = $2 where id = $1")
        .bind::<SqlUuid, _>(factor)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}

#[derive(QueryableByName)]
struct Expiry {
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
}

/// When a challenge of the factor ends; `None` when there is no such challenge.
pub async fn challenge_expiry(connection: &mut AsyncPgConnection, id: Uuid, factor: Uuid) -> QueryResult<Option<DateTime<Utc>>> {
    let row = sql_query("select expires_at from identity.factor_challenge where id = $1 and factor_id = $2")
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(factor)
        .get_result::<Expiry>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.expires_at))
}

/// Takes a challenge away: it is good for one right code.
pub async fn end_challenge(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.factor_challenge where id = $1").bind::<SqlUuid, _>(id).execute(connection).await.map(|_| ())
}

#[derive(QueryableByName)]
struct Has {
    #[diesel(sql_type = Bool)]
    has: bool,
}

/// Whether the user has a second factor.
pub async fn is_protected(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<bool> {
    sql_query("select exists(select from identity.factor where user_id = $1 and status = 'verified') as has")
        .bind::<SqlUuid, _>(user)
        .get_result::<Has>(connection)
        .await
        .map(|row| row.has)
}
