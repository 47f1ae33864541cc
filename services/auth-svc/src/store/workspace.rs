//! Workspaces themselves.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A live workspace.
#[derive(Debug, Clone, QueryableByName)]
pub struct Workspace {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its unique address part.
    #[diesel(sql_type = Text)]
    pub slug: String,
    /// The owner whose profile mirrors its onboarding.
    #[diesel(sql_type = SqlUuid)]
    pub owner_id: Uuid,
}

/// Makes a workspace beside the personal one.
pub async fn insert(connection: &mut AsyncPgConnection, id: WorkspaceId, name: &str, slug: &str, owner: UserId) -> QueryResult<()> {
    sql_query("insert into identity.workspaces (id, name, slug, owner_id) values ($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(name)
        .bind::<Text, _>(slug)
        .bind::<SqlUuid, _>(owner.as_uuid())
        .execute(connection)
        .await
        .map(|_| ())
}

/// The workspace, locked until the transaction ends: changes of its members queue here.
pub async fn lock(connection: &mut AsyncPgConnection, id: WorkspaceId) -> QueryResult<Option<Workspace>> {
    sql_query("select name, slug, owner_id from identity.workspaces where id = $1 and deleted_at is null for update")
        .bind::<SqlUuid, _>(id.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

/// Gives it another name.
pub async fn rename(connection: &mut AsyncPgConnection, id: WorkspaceId, name: &str) -> QueryResult<()> {
    sql_query("update identity.workspaces set name = $2 where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(name)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Gives it another first owner. It is nobody's personal one any more.
pub async fn set_owner(connection: &mut AsyncPgConnection, id: WorkspaceId, owner: UserId) -> QueryResult<()> {
    sql_query("update identity.workspaces set owner_id = $2, personal = false where id = $1")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<SqlUuid, _>(owner.as_uuid())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Ends a workspace that nobody belongs to any more.
pub async fn delete(connection: &mut AsyncPgConnection, id: WorkspaceId, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query("update identity.workspaces set deleted_at = $2 where id = $1 and deleted_at is null")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await
        .map(|_| ())
}
