//! Users whose provisioning failed.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::UserId;
use service_kit::db::sql_query;
use uuid::Uuid;

/// A user to be provisioned.
#[derive(Debug, Clone, QueryableByName)]
pub struct Due {
    /// The user.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// Attempts that failed.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
}

/// What `auth.users` knows of a user.
#[derive(Debug, Clone, QueryableByName)]
pub struct Known {
    /// The address.
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    /// The name given at sign-up.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
}

/// Notes a user for repair.
pub async fn note(connection: &mut AsyncPgConnection, user: UserId, reason: &str, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "insert into identity.user_repair (user_id, reason, created_at, available_at) values ($1, $2, $3, $3) \
         on conflict (user_id) do update set reason = excluded.reason, repaired_at = null, available_at = excluded.available_at",
    )
    .bind::<SqlUuid, _>(user.as_uuid())
    .bind::<Text, _>(reason)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The next user that is due, locked until the transaction ends; what another process repairs is skipped.
pub async fn lock_next(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Option<Due>> {
    sql_query(
        "select user_id, attempts from identity.user_repair where repaired_at is null and available_at <= $1 \
         order by available_at limit 1 for update skip locked",
    )
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// What the embedded provider knows of the user.
pub async fn known(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<Option<Known>> {
    sql_query(
        "select email::text as email, coalesce(raw_user_meta_data ->> 'name', raw_user_meta_data ->> 'full_name') as name \
         from auth.users where id = $1",
    )
    .bind::<SqlUuid, _>(user)
    .get_result(connection)
    .await
    .optional()
}

/// The user is provisioned.
pub async fn repaired(connection: &mut AsyncPgConnection, user: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.user_repair set repaired_at = $2 where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The attempt failed; the next is not before `again_at`.
pub async fn failed(connection: &mut AsyncPgConnection, user: Uuid, reason: &str, again_at: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.user_repair set attempts = attempts + 1, reason = $2, available_at = $3 where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .bind::<Text, _>(reason)
        .bind::<Timestamptz, _>(again_at)
        .execute(connection)
        .await
        .map(|_| ())
}
