//! Which role a user has in a workspace: asked of schema `identity`, remembered for five seconds.

use std::{sync::Arc, time::Duration};

use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    ids::{UserId, WorkspaceId},
    role::Role,
};
use uuid::Uuid;

use crate::{
    db,
    db::{Db, DbError},
    outage::Outage,
};

/// In-process entries live at most this long: it is the guarantee, invalidation by message only makes it shorter.
const LIFE: Duration = Duration::from_secs(5);

/// While the database does not answer, a role that it confirmed is believed for this long by those who ask for it: nobody can
/// be removed in a database that is down.
const LAST_KNOWN_LIFE: Duration = Duration::from_secs(600);

/// Cached membership, for reads. Writes and every money read ask [`authorise`] in their own transaction.
#[derive(Clone)]
pub struct Membership {
    db: Db,
    roles: moka::future::Cache<(WorkspaceId, UserId), Option<Role>>,
    last_known: moka::future::Cache<(WorkspaceId, UserId), Role>,
    outage: Arc<Outage>,
}

/// Why a member may not act.
#[derive(Debug, thiserror::Error)]
pub enum AuthoriseError {
    /// Not a member: the workspace is hidden.
    #[error("not a member of the workspace")]
    NotAMember,
    /// A member without the role.
    #[error("the role does not allow this")]
    RoleTooLow,
    /// The question could not be asked.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for AuthoriseError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

#[derive(QueryableByName)]
struct RoleRow {
    #[diesel(sql_type = Nullable<Text>)]
    role: Option<String>,
}

#[derive(QueryableByName)]
struct WorkspaceRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

async fn role_of(connection: &mut AsyncPgConnection, workspace: WorkspaceId, user: UserId) -> Result<Option<Role>, diesel::result::Error> {
    let row = db::sql_query("select identity.member_role($1, $2) as role")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<SqlUuid, _>(user.as_uuid())
        .get_result::<RoleRow>(connection)
        .await?;
    Ok(row.role.and_then(|role| role.parse().ok()))
}

/// Asks for the role inside the caller's transaction and requires at least `required`.
pub async fn authorise(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    user: UserId,
    required: Role,
) -> Result<Role, AuthoriseError> {
    match role_of(connection, workspace, user).await? {
        None => Err(AuthoriseError::NotAMember),
        Some(role) if role < required => Err(AuthoriseError::RoleTooLow),
        Some(role) => Ok(role),
    }
}

impl Membership {
    /// An empty cache in front of `db`.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            roles: moka::future::Cache::builder().max_capacity(50_000).time_to_live(LIFE).build(),
            last_known: moka::future::Cache::builder().max_capacity(50_000).time_to_live(LAST_KNOWN_LIFE).build(),
            outage: Arc::default(),
        }
    }

    /// The role, at most five seconds old.
    pub async fn role(&self, workspace: WorkspaceId, user: UserId) -> Result<Option<Role>, DbError> {
        if let Some(role) = self.roles.get(&(workspace, user)).await {
            return Ok(role);
        }
        let mut connection = self.db.get().await?;
        let role = role_of(&mut connection, workspace, user).await?;
        self.roles.insert((workspace, user), role).await;
        self.outage.ended();
        match role {
            Some(role) => self.last_known.insert((workspace, user), role).await,
            None => self.last_known.invalidate(&(workspace, user)).await,
        }
        Ok(role)
    }

    /// The role as [`Self::role`] has it; while the database does not answer, the last one that it confirmed, at most ten
    /// minutes ago. For reads of what may be old itself.
    pub async fn role_or_last_known(&self, workspace: WorkspaceId, user: UserId) -> Result<Option<Role>, DbError> {
        if let Some(role) = self.roles.get(&(workspace, user)).await {
            return Ok(role);
        }
        let known = self.last_known.get(&(workspace, user)).await;
        if known.is_some() && !self.outage.let_through() {
            return Ok(known);
        }
        match self.role(workspace, user).await {
            Err(DbError::Unavailable(reason)) if known.is_some() => {
                tracing::debug!(reason, "a role that was confirmed before is believed");
                self.outage.began();
                Ok(known)
            }
            answer => answer,
        }
    }

    /// Forgets what is known of a member, when an `identity.member.*` event arrives.
    pub async fn forget(&self, workspace: WorkspaceId, user: UserId) {
        self.roles.invalidate(&(workspace, user)).await;
        self.last_known.invalidate(&(workspace, user)).await;
    }

    /// The user's oldest workspace (ids are UUIDv7), when the request names none.
    pub async fn default_workspace(&self, claims_json: &str) -> Result<Option<WorkspaceId>, DbError> {
        use diesel_async::AsyncConnection;
        let mut connection = self.db.get().await?;
        let claims = claims_json.to_owned();
        let found = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                db::act_as_user(connection, &claims).await?;
                db::sql_query("select id from identity.my_workspace_ids() as id order by id limit 1")
                    .get_result::<WorkspaceRow>(connection)
                    .await
                    .optional()
            })
            .await?;
        Ok(found.map(|row| WorkspaceId::from_uuid(row.id)))
    }
}
