//! Making whatever a signed-in user lacks of profile, workspace and membership.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::{UserId, WorkspaceId};
use serde_json::{Value, json};
use service_kit::{audit, auth::Claims, db::DbError};

use crate::{
    AuthService,
    provider::letter::Letter,
    store::{
        profile::{self as store, Membership, Profile},
        repair, user as users,
    },
};

/// A provisioned user.
#[derive(Debug, Clone)]
pub struct Ensured {
    /// The profile.
    pub profile: Profile,
    /// The user's own workspace, or the oldest one the user belongs to.
    pub workspace: Membership,
    /// Whether the workspace was made now.
    pub created: bool,
}

/// Why a user is not provisioned.
#[derive(Debug, thiserror::Error)]
pub enum EnsureProfileError {
    /// PostgreSQL refused. The user is noted for the repair job.
    #[error("provisioning failed: {0}")]
    Failed(String),
    /// The account has ended; the token has not yet.
    #[error("the account has ended")]
    NoAccount,
    /// The database does not answer.
    #[error(transparent)]
    Unavailable(DbError),
}

/// Only verified claims say who the user is; the name may be the caller's own wish.
#[derive(Debug, Clone)]
pub struct EnsureProfile {
    user: UserId,
    email: Option<String>,
    name: Option<String>,
}

impl EnsureProfile {
    /// Of the user of the token. Without a wish the name is the one in the token's metadata.
    pub fn new(claims: &Claims, wish: Option<&str>) -> Self {
        let claims_json: Value = serde_json::from_str(claims.as_json()).unwrap_or_default();
        let named = ["/user_metadata/name", "/user_metadata/full_name"]
            .into_iter()
            .find_map(|pointer| claims_json.pointer(pointer)?.as_str().map(str::to_owned));
        let name = wish.map(str::to_owned).or(named).map(|name| name.replace('\0', ""));
        Self { user: claims.user, email: claims.email().map(|email| email.replace('\0', "")), name }
    }
}

/// Idempotent, also under concurrency: the unique owner decides, and all callers get the one workspace.
///
/// # Errors
/// [`EnsureProfileError`].
pub async fn ensure_profile(app: &AuthService, request: &EnsureProfile, request_id: Option<&str>) -> Result<Ensured, EnsureProfileError> {
    let now = app.kit.clock.now();
    match provision(app, request, request_id, now).await {
        Ok(ensured) => ensured.ok_or(EnsureProfileError::NoAccount),
        Err(DbError::Query(error)) => {
            tracing::error!(error = %error, user_id = %request.user, "provisioning failed");
            note_for_repair(app, request.user, &error.to_string(), now).await.map_err(EnsureProfileError::Unavailable)?;
            Err(EnsureProfileError::Failed(error.to_string()))
        }
        Err(error) => Err(EnsureProfileError::Unavailable(error)),
    }
}

/// `None` for an account that has ended.
async fn provision(
    app: &AuthService,
    request: &EnsureProfile,
    request_id: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Ensured>, DbError> {
    let mut connection = app.kit.db.get().await?;
    let ensured = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            if app.provider.is_some() && users::has_ended(connection, request.user.as_uuid()).await? {
                return Ok(None);
            }
            let provisioned = store::provision(connection, request.user, request.email.as_deref(), request.name.as_deref()).await?;
            let profile = store::profile(connection, request.user).await?.ok_or(diesel::result::Error::NotFound)?;
            let memberships = store::memberships(connection, request.user).await?;
            let workspace = memberships
                .into_iter()
                .find(|membership| membership.workspace_id == provisioned.workspace_id)
                .ok_or(diesel::result::Error::NotFound)?;
            if provisioned.created {
                let resource = format!("workspace/{}", provisioned.workspace_id);
                let entry = audit::Entry {
                    workspace: Some(WorkspaceId::from_uuid(provisioned.workspace_id)),
                    actor: Some(request.user),
                    action: "workspace.provision",
                    resource: &resource,
                    outcome: "done",
                    request_id,
                    detail: json!({}),
                };
                audit::record(connection, now, &entry).await?;
            }
            if profile.welcomed_at.is_none()
                && let Some(email) = request.email.as_deref()
                && store::welcome(connection, now, request.user).await?
            {
                mail::enqueue(connection, now, &welcome(&app.site, request.user).to(email)).await?;
            }
            Ok::<_, diesel::result::Error>(Some(Ensured { profile, workspace, created: provisioned.created }))
        })
        .await?;
    Ok(ensured)
}

/// The first mail to somebody whose address is known to be theirs.
fn welcome(site: &str, user: UserId) -> Letter {
    Letter {
        reason: format!("welcome/{user}"),
        subject: "Welcome to Groundwork".to_owned(),
        says:
            "Your account is ready. Choose a plan, answer the questions about your company in your own time, and we build your foundation \
               from the answers. Every answer is kept while you type."
                .to_owned(),
        button: Some(("Begin", format!("{site}/"))),
        code: None,
        otherwise: "If you did not make this account, reply to this mail.".to_owned(),
    }
}

async fn note_for_repair(app: &AuthService, user: UserId, reason: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut connection = app.kit.db.get().await?;
    repair::note(&mut connection, user, reason, now).await?;
    Ok(())
}
