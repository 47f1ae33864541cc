//! Accounts that are to end.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// An account that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct AccountDeletion {
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub requested_at: DateTime<Utc>,
    /// When it ends.
    #[diesel(sql_type = Timestamptz)]
    pub due_at: DateTime<Utc>,
}

/// Notes that the account is to end; gives what is stored, to the microsecond.
pub async fn insert(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    requested_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> QueryResult<AccountDeletion> {
    sql_query(
        "insert into identity.account_deletion (user_id, requested_at, due_at) values ($1, $2, $3) returning user_id, requested_at, due_at",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Timestamptz, _>(requested_at)
    .bind::<Timestamptz, _>(due_at)
    .get_result(connection)
    .await
}

/// The user's, if the account is to end.
pub async fn find(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<Option<AccountDeletion>> {
    sql_query("select user_id, requested_at, due_at from identity.account_deletion where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .get_result(connection)
        .await
        .optional()
}

/// Takes it back; whether there was one.
pub async fn delete(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<bool> {
    sql_query("delete from identity.account_deletion where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .execute(connection)
        .await
        .map(|deleted| deleted == 1)
}

/// The one that has been due for longest and that no other process works on.
pub async fn lock_due(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Option<AccountDeletion>> {
    sql_query(
        "select user_id, requested_at, due_at from identity.account_deletion where due_at <= $1 order by due_at limit 1 for update skip locked",
    )
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// Puts it off.
pub async fn put_off(connection: &mut AsyncPgConnection, user: Uuid, due_at: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.account_deletion set due_at = $2 where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .bind::<Timestamptz, _>(due_at)
        .execute(connection)
        .await
        .map(|_| ())
}
