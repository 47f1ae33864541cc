//! `auth.users`, under Supabase Auth's own column names. Every column that it leaves nullable is read as such: rows may
//! have been seeded by SQL.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A user of the embedded provider.
#[derive(Clone, QueryableByName)]
#[expect(missing_docs, reason = "the columns are Supabase Auth's")]
pub struct User {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub password_hash: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub email_confirmed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub phone: Option<String>,
    #[diesel(sql_type = Jsonb)]
    pub app_metadata: Value,
    #[diesel(sql_type = Jsonb)]
    pub user_metadata: Value,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_sign_in_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub banned_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    pub is_anonymous: bool,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
}

/// Neither the hash nor personal data reach a log.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl User {
    /// Whether a ban runs.
    pub fn is_banned(&self, now: DateTime<Utc>) -> bool {
        self.banned_until.is_some_and(|until| until > now)
    }
}

/// A user to be made, with a confirmed address.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns are Supabase Auth's")]
pub struct NewUser<'a> {
    pub id: Uuid,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub user_metadata: Value,
}

const COLUMNS: &str = "id, email::text as email, encrypted_password::text as password_hash, email_confirmed_at, phone, \
    coalesce(raw_app_meta_data, '{}') as app_metadata, coalesce(raw_user_meta_data, '{}') as user_metadata, \
    last_sign_in_at, banned_until, is_anonymous, coalesce(created_at, 'epoch') as created_at, \
    coalesce(updated_at, created_at, 'epoch') as updated_at";

/// Makes the user; `None` when the address is taken.
pub async fn insert(connection: &mut AsyncPgConnection, user: &NewUser<'_>, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "insert into auth.users (id, instance_id, aud, role, email, encrypted_password, email_confirmed_at, last_sign_in_at, \
           raw_app_meta_data, raw_user_meta_data, created_at, updated_at) \
         values ($1, '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated', $2, $3, $4, $4, $5, $6, $4, $4) \
         on conflict do nothing returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(user.id)
    .bind::<Text, _>(user.email)
    .bind::<Text, _>(user.password_hash)
    .bind::<Timestamptz, _>(now)
    .bind::<Jsonb, _>(json!({"provider": "email", "providers": ["email"]}))
    .bind::<Jsonb, _>(&user.user_metadata)
    .get_result(connection)
    .await
    .optional()
}

/// The user with the (lower-case) address.
pub async fn find_by_email(connection: &mut AsyncPgConnection, email: &str) -> QueryResult<Option<User>> {
    sql_query(format!("select {COLUMNS} from auth.users where email = $1 and is_sso_user = false and deleted_at is null"))
        .bind::<Text, _>(email)
        .get_result(connection)
        .await
        .optional()
}

/// The user with the id.
pub async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<User>> {
    sql_query(format!("select {COLUMNS} from auth.users where id = $1 and deleted_at is null"))
        .bind::<SqlUuid, _>(id)
        .get_result(connection)
        .await
        .optional()
}

/// Notes a sign-in and gives the user as it is then; `None` when it was deleted meanwhile.
pub async fn signed_in(connection: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set last_sign_in_at = $2, updated_at = $2 where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

#[derive(QueryableByName)]
struct Confirmed {
    #[diesel(sql_type = Bool)]
    confirmed: bool,
}

/// Whether the user's address is confirmed; `None` when there is no such user.
pub async fn is_confirmed(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<bool>> {
    let row = sql_query("select email_confirmed_at is not null as confirmed from auth.users where id = $1")
        .bind::<SqlUuid, _>(id)
        .get_result::<Confirmed>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.confirmed))
}

/// Gives the user a role in the whole deployment, or takes it away; `None` when there is no such user.
pub async fn set_role(connection: &mut AsyncPgConnection, id: Uuid, role: Option<&str>, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set updated_at = $3, raw_app_meta_data = case when $2::text is null \
           then coalesce(raw_app_meta_data, '{{}}') - 'groundwork_role' \
           else coalesce(raw_app_meta_data, '{{}}') || jsonb_build_object('groundwork_role', $2) end \
         where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Nullable<Text>, _>(role)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// The users with a role in the whole deployment, oldest first.
pub async fn with_role(connection: &mut AsyncPgConnection, role: &str) -> QueryResult<Vec<User>> {
    sql_query(format!(
        "select {COLUMNS} from auth.users where raw_app_meta_data ->> 'groundwork_role' = $1 and deleted_at is null order by created_at, id"
    ))
    .bind::<Text, _>(role)
    .load(connection)
    .await
}
