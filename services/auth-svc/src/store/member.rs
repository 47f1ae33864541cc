//! Who belongs to a workspace.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{UserId, WorkspaceId},
    role::Role,
};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A member, as the others see them.
#[derive(Debug, Clone, QueryableByName)]
pub struct Member {
    /// The user.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// The role.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// What they are called; may be empty.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Their address.
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub joined_at: DateTime<Utc>,
}

/// The members, the oldest first.
pub async fn list(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Vec<Member>> {
    sql_query(
        "select m.user_id, m.role, coalesce(p.name, '') as name, p.email, m.created_at as joined_at \
         from identity.memberships m left join identity.profiles p on p.user_id = m.user_id \
         where m.workspace_id = $1 order by m.created_at, m.user_id",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct RoleRow {
    #[diesel(sql_type = Text)]
    role: String,
}

/// The role of a member; `None` for somebody who is none.
pub async fn role(connection: &mut AsyncPgConnection, workspace: WorkspaceId, user: UserId) -> QueryResult<Option<Role>> {
    let row = sql_query("select role from identity.memberships where workspace_id = $1 and user_id = $2")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(user.as_uuid())
        .get_result::<RoleRow>(connection)
        .await
        .optional()?;
    Ok(row.and_then(|row| row.role.parse().ok()))
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
}

/// The owners, the oldest first.
pub async fn owners(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Vec<UserId>> {
    let rows =
        sql_query("select user_id from identity.memberships where workspace_id = $1 and role = 'owner' order by created_at, user_id")
            .bind::<SqlUuid, _>(workspace.as_uuid())
            .load::<UserRow>(connection)
            .await?;
    Ok(rows.into_iter().map(|row| UserId::from_uuid(row.user_id)).collect())
}

/// Adds a member; `false` when they are one.
pub async fn add(connection: &mut AsyncPgConnection, workspace: WorkspaceId, user: UserId, role: Role) -> QueryResult<bool> {
    sql_query("insert into identity.memberships (workspace_id, user_id, role) values ($1, $2, $3) on conflict do nothing")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Text, _>(role.as_str())
        .execute(connection)
        .await
        .map(|added| added == 1)
}

/// Gives a member another role.
pub async fn set_role(connection: &mut AsyncPgConnection, workspace: WorkspaceId, user: UserId, role: Role) -> QueryResult<()> {
    sql_query("update identity.memberships set role = $3 where workspace_id = $1 and user_id = $2")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Text, _>(role.as_str())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Takes a member away.
pub async fn remove(connection: &mut AsyncPgConnection, workspace: WorkspaceId, user: UserId) -> QueryResult<()> {
    sql_query("delete from identity.memberships where workspace_id = $1 and user_id = $2")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(user.as_uuid())
        .execute(connection)
        .await
        .map(|_| ())
}

#[derive(QueryableByName)]
struct Seats {
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    allowed: Option<i64>,
}

/// Whether the plan has a seat left for one more, beside the members and the open invitations but `except` one. Without a
/// subscription there is the owner's.
pub async fn has_seat(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    except: Option<Uuid>,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let seats = sql_query(
        "select (select count(*) from identity.memberships where workspace_id = $1) \
              + (select count(*) from identity.invitation where workspace_id = $1 and accepted_at is null and revoked_at is null \
                   and expires_at > $3 and id is distinct from $2) as taken, \
           case when s.workspace_id is null then 1 else (s.entitlements ->> 'seats')::bigint end as allowed \
         from (select $1 as id) as w left join identity.gate_subscription as s on s.workspace_id = w.id",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Nullable<SqlUuid>, _>(except)
    .bind::<Timestamptz, _>(now)
    .get_result::<Seats>(connection)
    .await?;
    Ok(seats.allowed.is_none_or(|allowed| seats.taken < allowed))
}
