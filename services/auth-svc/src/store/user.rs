//! `auth.users`, under Supabase Auth's own column names. Every column that it leaves nullable is read as such: rows may
//! have been seeded by SQL.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
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
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub invited_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub confirmation_sent_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub recovery_sent_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub reauthentication_sent_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub new_email: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub email_change_sent_at: Option<DateTime<Utc>>,
    /// In Supabase Auth's own shape; null without any.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub factors: Option<Value>,
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
    /// A user that looks like the new one and does not exist.
    pub fn nobody(new: &NewUser<'_>, now: DateTime<Utc>) -> Self {
        Self {
            id: new.id,
            email: Some(new.email.to_owned()),
            password_hash: None,
            email_confirmed_at: None,
            phone: None,
            app_metadata: json!({"provider": "email", "providers": ["email"]}),
            user_metadata: new.user_metadata.clone(),
            last_sign_in_at: None,
            banned_until: None,
            invited_at: None,
            confirmation_sent_at: Some(now),
            recovery_sent_at: None,
            reauthentication_sent_at: None,
            new_email: None,
            email_change_sent_at: None,
            factors: None,
            is_anonymous: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether a ban runs.
    pub fn is_banned(&self, now: DateTime<Utc>) -> bool {
        self.banned_until.is_some_and(|until| until > now)
    }
}

/// A user to be made.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns are Supabase Auth's")]
pub struct NewUser<'a> {
    pub id: Uuid,
    pub email: &'a str,
    /// None for somebody who signs in by mail alone.
    pub password_hash: Option<&'a str>,
    /// Whether the address counts as theirs without a proof.
    pub confirmed: bool,
    pub user_metadata: Value,
}

/// Which mail a user was last sent, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// To confirm the address.
    Confirmation,
    /// To sign in without a password, or to set a new one.
    Recovery,
    /// To do something that an old session may not.
    Reauthentication,
    /// By somebody who wants them to join.
    Invitation,
}

const COLUMNS: &str = "id, email::text as email, encrypted_password::text as password_hash, email_confirmed_at, phone, \
    coalesce(raw_app_meta_data, '{}') as app_metadata, coalesce(raw_user_meta_data, '{}') as user_metadata, \
    last_sign_in_at, banned_until, invited_at, confirmation_sent_at, recovery_sent_at, reauthentication_sent_at, \
    nullif(email_change, '')::text as new_email, email_change_sent_at, \
    (select jsonb_agg(jsonb_build_object('id', f.id, 'friendly_name', f.friendly_name, 'factor_type', 'totp', 'status', f.status, \
       'created_at', f.created_at, 'updated_at', f.updated_at, 'last_challenged_at', f.last_challenged_at) order by f.created_at, f.id) \
     from identity.factor as f where f.user_id = users.id) as factors, \
    is_anonymous, coalesce(created_at, 'epoch') as created_at, \
    coalesce(updated_at, created_at, 'epoch') as updated_at";

/// Makes the user; `None` when the address is taken.
pub async fn insert(connection: &mut AsyncPgConnection, user: &NewUser<'_>, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "insert into auth.users (id, instance_id, aud, role, email, encrypted_password, email_confirmed_at, \
           raw_app_meta_data, raw_user_meta_data, created_at, updated_at) \
         values ($1, '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated', $2, $3, \
           case when $7 then $4 end, $5, $6, $4, $4) \
         on conflict do nothing returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(user.id)
    .bind::<Text, _>(user.email)
    .bind::<Nullable<Text>, _>(user.password_hash)
    .bind::<Timestamptz, _>(now)
    .bind::<Jsonb, _>(json!({"provider": "email", "providers": ["email"]}))
    .bind::<Jsonb, _>(&user.user_metadata)
    .bind::<Bool, _>(user.confirmed)
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

/// The user, locked until the transaction ends. Whoever changes more of an account than one row of it takes this lock first, so
/// that two changes wait for one another instead of stopping each other.
pub async fn lock(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<User>> {
    sql_query(format!("select {COLUMNS} from auth.users where id = $1 and deleted_at is null for no key update"))
        .bind::<SqlUuid, _>(id)
        .get_result(connection)
        .await
        .optional()
}

/// The user with the (lower-case) address, locked like [`lock`].
pub async fn lock_by_email(connection: &mut AsyncPgConnection, email: &str) -> QueryResult<Option<User>> {
    sql_query(format!("select {COLUMNS} from auth.users where email = $1 and is_sso_user = false and deleted_at is null for no key update"))
        .bind::<Text, _>(email)
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

/// Gives an account that nobody confirmed yet the password and metadata of a repeated sign-up.
pub async fn sign_up_again(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    password_hash: &str,
    user_metadata: &Value,
    now: DateTime<Utc>,
) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set encrypted_password = $2, raw_user_meta_data = $3, updated_at = $4 \
         where id = $1 and email_confirmed_at is null and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(password_hash)
    .bind::<Jsonb, _>(user_metadata)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// Notes that a mail was written.
pub async fn sent(connection: &mut AsyncPgConnection, id: Uuid, sent: Sent, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    let change = match sent {
        Sent::Confirmation => "confirmation_sent_at = $2",
        Sent::Recovery => "recovery_sent_at = $2",
        Sent::Reauthentication => "reauthentication_sent_at = $2",
        Sent::Invitation => "invited_at = $2, confirmation_sent_at = $2",
    };
    sql_query(format!("update auth.users set {change} where id = $1 and deleted_at is null returning {COLUMNS}"))
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(now)
        .get_result(connection)
        .await
        .optional()
}

/// The user brought a proof of the address. A password that was set before anybody had shown that the address is theirs stays
/// only when `keep_password` says so: somebody else may have set it.
pub async fn confirm(connection: &mut AsyncPgConnection, id: Uuid, keep_password: bool, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set email_confirmed_at = coalesce(email_confirmed_at, $2), last_sign_in_at = $2, updated_at = $2, \
           encrypted_password = case when $3 or email_confirmed_at is not null then encrypted_password end, \
           raw_user_meta_data = coalesce(raw_user_meta_data, '{{}}') || '{{\"email_verified\": true}}' \
         where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .bind::<Bool, _>(keep_password)
    .get_result(connection)
    .await
    .optional()
}

/// The user asked for another address, which is not theirs yet.
pub async fn begin_email_change(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    email: &str,
    now: DateTime<Utc>,
) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set email_change = $2, email_change_sent_at = $3, email_change_confirm_status = 0, updated_at = $3 \
         where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(email)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// One of the two addresses agreed to the change; whether it is the first that did.
pub async fn first_half_of_email_change(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<bool> {
    sql_query("update auth.users set email_change_confirm_status = 1 where id = $1 and email_change_confirm_status = 0")
        .bind::<SqlUuid, _>(id)
        .execute(connection)
        .await
        .map(|changed| changed == 1)
}

/// Makes an address the user's.
///
/// # Errors
/// A unique violation when it is somebody else's.
pub async fn change_email(connection: &mut AsyncPgConnection, id: Uuid, email: &str, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set email = $2, email_change = '', email_change_confirm_status = 0, updated_at = $3, \
           email_confirmed_at = coalesce(email_confirmed_at, $3), \
           raw_user_meta_data = coalesce(raw_user_meta_data, '{{}}') || jsonb_build_object('email', $2, 'email_verified', true) \
         where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(email)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// Stores what was changed of the locked user: address, password, confirmation, metadata of both kinds, ban.
///
/// # Errors
/// A unique violation when the address is somebody else's.
pub async fn replace(connection: &mut AsyncPgConnection, user: &User, now: DateTime<Utc>) -> QueryResult<Option<User>> {
    sql_query(format!(
        "update auth.users set email = $2, encrypted_password = $3, email_confirmed_at = $4, raw_app_meta_data = $5, \
           raw_user_meta_data = $6, banned_until = $7, email_change = case when email = $2 then email_change else '' end, updated_at = $8 \
         where id = $1 and deleted_at is null returning {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(user.id)
    .bind::<Nullable<Text>, _>(user.email.as_deref())
    .bind::<Nullable<Text>, _>(user.password_hash.as_deref())
    .bind::<Nullable<Timestamptz>, _>(user.email_confirmed_at)
    .bind::<Jsonb, _>(&user.app_metadata)
    .bind::<Jsonb, _>(&user.user_metadata)
    .bind::<Nullable<Timestamptz>, _>(user.banned_until)
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
    .optional()
}

/// Leaves nothing of the user but the id, which others refer to.
pub async fn forget(connection: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "update auth.users set email = null, phone = null, encrypted_password = null, email_change = '', phone_change = '', \
           raw_app_meta_data = '{}', raw_user_meta_data = '{}', deleted_at = $2, updated_at = $2 where id = $1 and deleted_at is null",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// So many users after the first `skipped`, the newest first, and how many there are.
pub async fn page(connection: &mut AsyncPgConnection, skipped: i64, most: i64) -> QueryResult<(Vec<User>, i64)> {
    let users = sql_query(format!(
        "select {COLUMNS} from auth.users where deleted_at is null order by created_at desc, id desc offset $1 limit $2"
    ))
    .bind::<BigInt, _>(skipped)
    .bind::<BigInt, _>(most)
    .load(connection)
    .await?;
    let all = sql_query("select count(*) from auth.users where deleted_at is null").get_result::<Count>(connection).await?;
    Ok((users, all.count))
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = Bool)]
    is: bool,
}

/// Whether the user's account has ended; if not, it ends no sooner than this transaction.
pub async fn has_ended(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<bool> {
    let row = sql_query("select deleted_at is not null as \"is\" from auth.users where id = $1 for share")
        .bind::<SqlUuid, _>(id)
        .get_result::<Flag>(connection)
        .await
        .optional()?;
    Ok(row.is_some_and(|row| row.is))
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
