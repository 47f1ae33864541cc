//! Invitations to workspaces.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use service_kit::db::sql_query;
use uuid::Uuid;

/// An invitation.
#[derive(Debug, Clone, QueryableByName)]
pub struct Invitation {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Where to.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: Uuid,
    /// Whom, in lower case.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// As what.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// By whom.
    #[diesel(sql_type = SqlUuid)]
    pub invited_by: Uuid,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Until when.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    /// When it was accepted.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub revoked_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, workspace_id, email, role, invited_by, created_at, expires_at, accepted_at, revoked_at";

/// Stores an invitation; an open one of the same address is taken back.
pub async fn replace(connection: &mut AsyncPgConnection, invitation: &Invitation, token_hash: &[u8]) -> QueryResult<()> {
    sql_query(
        "update identity.invitation set revoked_at = $3 where workspace_id = $1 and email = $2 and accepted_at is null and revoked_at is null",
    )
    .bind::<SqlUuid, _>(invitation.workspace_id)
    .bind::<Text, _>(&invitation.email)
    .bind::<Timestamptz, _>(invitation.created_at)
    .execute(connection)
    .await?;
    sql_query(
        "insert into identity.invitation (id, workspace_id, email, role, token_hash, invited_by, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<SqlUuid, _>(invitation.id)
    .bind::<SqlUuid, _>(invitation.workspace_id)
    .bind::<Text, _>(&invitation.email)
    .bind::<Text, _>(&invitation.role)
    .bind::<Bytea, _>(token_hash)
    .bind::<SqlUuid, _>(invitation.invited_by)
    .bind::<Timestamptz, _>(invitation.created_at)
    .bind::<Timestamptz, _>(invitation.expires_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Open and expired invitations of a workspace, the newest first.
pub async fn pending(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Vec<Invitation>> {
    sql_query(format!(
        "select {COLUMNS} from identity.invitation where workspace_id = $1 and accepted_at is null and revoked_at is null \
         order by created_at desc, id desc"
    ))
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .load(connection)
    .await
}

/// The invitation of a token, locked until the transaction ends, after its workspace: whoever ends that takes its invitations
/// away.
pub async fn lock_by_token(connection: &mut AsyncPgConnection, token_hash: &[u8]) -> QueryResult<Option<Invitation>> {
    sql_query("select from identity.workspaces where id = (select workspace_id from identity.invitation where token_hash = $1) for update")
        .bind::<Bytea, _>(token_hash)
        .execute(connection)
        .await?;
    sql_query(format!("select {COLUMNS} from identity.invitation where token_hash = $1 for update"))
        .bind::<Bytea, _>(token_hash)
        .get_result(connection)
        .await
        .optional()
}

/// Takes an open one back; whether there was one.
pub async fn revoke(connection: &mut AsyncPgConnection, workspace: WorkspaceId, id: Uuid, now: DateTime<Utc>) -> QueryResult<bool> {
    sql_query(
        "update identity.invitation set revoked_at = $3 where workspace_id = $1 and id = $2 and accepted_at is null and revoked_at is null",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|changed| changed == 1)
}

/// It was accepted.
pub async fn accepted(connection: &mut AsyncPgConnection, id: Uuid, user: UserId, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.invitation set accepted_at = $3, accepted_by = $2 where id = $1")
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(user.as_uuid())
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Leaves nothing of the person in the invitations that they accepted.
pub async fn forget(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<()> {
    sql_query("update identity.invitation set email = '' where accepted_by = $1")
        .bind::<SqlUuid, _>(user)
        .execute(connection)
        .await
        .map(|_| ())
}
