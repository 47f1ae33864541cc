//! Profiles, workspaces and memberships.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use serde::Deserialize;
use service_kit::db::sql_query;
use uuid::Uuid;

/// A user's profile.
#[derive(Debug, Clone, Deserialize, QueryableByName)]
pub struct Profile {
    /// The user.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// The address at the time of provisioning.
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    /// What the user is called; may be empty.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The mirror of the onboarding's status.
    #[diesel(sql_type = Text)]
    pub onboarding_status: String,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When the user was welcomed by mail.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub welcomed_at: Option<DateTime<Utc>>,
}

/// A workspace as one of its members sees it.
#[derive(Debug, Clone, Deserialize, QueryableByName)]
pub struct Membership {
    /// The workspace.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: Uuid,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its unique address part.
    #[diesel(sql_type = Text)]
    pub slug: String,
    /// The member's role.
    #[diesel(sql_type = Text)]
    pub role: String,
}

/// What provisioning found or made.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Provisioned {
    /// The workspace.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: Uuid,
    /// Whether it was made now.
    #[diesel(sql_type = Bool)]
    pub created: bool,
}

/// Makes whatever the user lacks of profile, workspace and membership, with the events that tell of it.
pub async fn provision(
    connection: &mut AsyncPgConnection,
    user: UserId,
    email: Option<&str>,
    name: Option<&str>,
) -> QueryResult<Provisioned> {
    sql_query("select workspace_id, created from identity.provision_user($1, $2, $3)")
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Nullable<Text>, _>(email)
        .bind::<Nullable<Text>, _>(name)
        .get_result(connection)
        .await
}

/// The user's profile.
pub async fn profile(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Option<Profile>> {
    sql_query("select user_id, email, name, onboarding_status, created_at, welcomed_at from identity.profiles where user_id = $1")
        .bind::<SqlUuid, _>(user.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

/// Notes that the user is welcomed; `false` when that was noted before.
pub async fn welcome(connection: &mut AsyncPgConnection, now: DateTime<Utc>, user: UserId) -> QueryResult<bool> {
    sql_query("update identity.profiles set welcomed_at = $2 where user_id = $1 and welcomed_at is null")
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|welcomed| welcomed == 1)
}

/// The user's live workspaces, the oldest first.
pub async fn memberships(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Vec<Membership>> {
    sql_query(
        "select w.id as workspace_id, w.name, w.slug, m.role from identity.memberships m \
         join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null where m.user_id = $1 order by w.id",
    )
    .bind::<SqlUuid, _>(user.as_uuid())
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct OwnerMirror {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    onboarding_status: String,
}

/// The workspace's owner with the mirrored status, locked until the transaction ends.
pub async fn lock_owner_mirror(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<(UserId, String)>> {
    let row = sql_query(
        "select p.user_id, p.onboarding_status from identity.profiles p \
         join identity.workspaces w on w.owner_id = p.user_id where w.id = $1 for update of p",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .get_result::<OwnerMirror>(connection)
    .await
    .optional()?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), row.onboarding_status)))
}

/// Stores the mirrored status.
pub async fn set_mirror(connection: &mut AsyncPgConnection, user: UserId, status: &str) -> QueryResult<()> {
    sql_query("update identity.profiles set onboarding_status = $2 where user_id = $1")
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Text, _>(status)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The profile follows the user's address.
pub async fn set_email(connection: &mut AsyncPgConnection, user: Uuid, email: &str) -> QueryResult<()> {
    sql_query("update identity.profiles set email = $2 where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .bind::<Text, _>(email)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Leaves nothing of the profile but the user's id.
pub async fn forget(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<()> {
    sql_query("update identity.profiles set email = null, name = '' where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .execute(connection)
        .await
        .map(|_| ())
}
