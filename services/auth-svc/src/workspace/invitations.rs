//! Invitations: by mail to an address, accepted once by whoever showed that it is theirs.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, role::Role};
use mail::Mail;
use serde_json::json;
use service_kit::auth::{AuthoriseError, authorise};
use uuid::Uuid;

use super::{Actor, Change, WorkspaceError, record, require_staying, tell};
use crate::{
    AuthService,
    provider::{EmailAddress, letter::Letter, one_time},
    store::{
        invitation::{self as store, Invitation},
        member,
        profile::{self, Membership},
        user, workspace,
    },
};

const LIFE: TimeDelta = TimeDelta::days(7);

/// Whom to invite, and as what.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The address.
    pub email: EmailAddress,
    /// The role; never owner.
    pub role: Role,
}

/// Mails an invitation. One to the same address that is still open is replaced.
///
/// # Errors
/// [`WorkspaceError`].
pub async fn invite(app: &AuthService, actor: &Actor, workspace: WorkspaceId, invited: &Invited) -> Result<Invitation, WorkspaceError> {
    let now = app.kit.clock.now();
    let token = one_time::link_token().map_err(|error| WorkspaceError::Db(service_kit::db::DbError::Unavailable(error.to_string())))?;
    let invitation = Invitation {
        id: Uuid::now_v7(),
        workspace_id: workspace.as_uuid(),
        email: invited.email.as_str().to_owned(),
        role: invited.role.as_str().to_owned(),
        invited_by: actor.user().as_uuid(),
        created_at: now,
        expires_at: now + LIFE,
        accepted_at: None,
        revoked_at: None,
    };
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(into) = workspace::lock(connection, workspace).await? else { return Err(AuthoriseError::NotAMember.into()) };
            let own = authorise(connection, workspace, actor.user(), Role::Admin).await?;
            if !own.may_invite(invited.role) {
                return Err(AuthoriseError::RoleTooLow.into());
            }
            let members = member::list(connection, workspace).await?;
            if members.iter().any(|member| member.email.as_deref() == Some(invited.email.as_str())) {
                return Err(WorkspaceError::AlreadyMember);
            }
            store::replace(connection, &invitation, &one_time::link_hash(&token)).await?;
            if !member::has_seat(connection, workspace, Some(invitation.id), now).await? {
                return Err(WorkspaceError::NoSeat);
            }
            let host = profile::profile(connection, actor.user()).await?.map(|profile| profile.name).unwrap_or_default();
            let mail = letter(app, &host, &into.name, &token, invitation.id).to(invited.email.as_str());
            mail::enqueue(connection, now, &Mail { workspace: Some(workspace), ..mail }).await?;
            let resource = format!("invitation/{}", invitation.id);
            record(connection, actor, workspace, "invitation.create", &resource, json!({"role": invited.role}), now).await?;
            Ok::<_, WorkspaceError>(())
        })
        .await?;
    app.mailer.wake();
    Ok(invitation)
}

fn letter(app: &AuthService, host: &str, workspace: &str, token: &str, id: Uuid) -> Letter {
    let host = if host.is_empty() { "Somebody" } else { host };
    Letter {
        reason: format!("invitation/{id}"),
        subject: format!("{host} invites you to {workspace}"),
        says: format!("Join {workspace} on Groundwork. The invitation is good for seven days, for the address that this mail went to."),
        button: Some(("Join", format!("{}/invitations/accept#token={token}", app.site))),
        code: None,
        otherwise: "If you do not know them, ignore this mail: nothing happens.".to_owned(),
    }
}

/// The invitations that nobody accepted yet, the newest first.
///
/// # Errors
/// [`WorkspaceError::NotAllowed`] below admin.
pub async fn invitations(app: &AuthService, actor: &Actor, workspace: WorkspaceId) -> Result<Vec<Invitation>, WorkspaceError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, actor.user(), Role::Admin).await?;
            Ok(store::pending(connection, workspace).await?)
        })
        .await
}

/// Takes an invitation back.
///
/// # Errors
/// [`WorkspaceError::InvitationInvalid`] when there is none that is open.
pub async fn revoke(app: &AuthService, actor: &Actor, workspace: WorkspaceId, id: Uuid) -> Result<(), WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, actor.user(), Role::Admin).await?;
            if !store::revoke(connection, workspace, id, now).await? {
                return Err(WorkspaceError::InvitationInvalid);
            }
            record(connection, actor, workspace, "invitation.revoke", &format!("invitation/{id}"), json!({}), now).await
        })
        .await
}

/// Makes the caller a member. The invitation is for the address that it went to, and good once.
///
/// # Errors
/// [`WorkspaceError`].
pub async fn accept(app: &AuthService, actor: &Actor, token: &str) -> Result<Membership, WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let joined = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            require_staying(app, connection, actor.user()).await?;
            let found = store::lock_by_token(connection, &one_time::link_hash(token)).await?;
            let invitation = found.ok_or(WorkspaceError::InvitationInvalid)?;
            let workspace = WorkspaceId::from_uuid(invitation.workspace_id);
            let into = workspace::lock(connection, workspace).await?.ok_or(WorkspaceError::InvitationExpired)?;
            require_address(app, connection, actor, &invitation.email).await?;
            if invitation.accepted_at.is_some() || invitation.revoked_at.is_some() || invitation.expires_at <= now {
                return Err(WorkspaceError::InvitationExpired);
            }
            let role = invitation.role.parse().unwrap_or(Role::Member);
            if member::role(connection, workspace, actor.user()).await?.is_some() {
                return Err(WorkspaceError::AlreadyMember);
            }
            if !member::has_seat(connection, workspace, Some(invitation.id), now).await? {
                return Err(WorkspaceError::NoSeat);
            }
            member::add(connection, workspace, actor.user(), role).await?;
            store::accepted(connection, invitation.id, actor.user(), now).await?;
            tell(connection, now, Change::Added, workspace, actor.user(), role).await?;
            let resource = format!("invitation/{}", invitation.id);
            record(connection, actor, workspace, "invitation.accept", &resource, json!({"role": role}), now).await?;
            Ok(Membership { workspace_id: invitation.workspace_id, name: into.name, slug: into.slug, role: role.as_str().to_owned() })
        })
        .await?;
    app.kit.membership.forget(WorkspaceId::from_uuid(joined.workspace_id), actor.user()).await;
    Ok(joined)
}

/// Whoever accepts has the address, and showed that it is theirs. The embedded provider is asked, since a token may be an
/// hour old; an external one gives a session only to a confirmed address.
async fn require_address(app: &AuthService, connection: &mut AsyncPgConnection, actor: &Actor, email: &str) -> Result<(), WorkspaceError> {
    let (address, confirmed) = if app.provider.is_some() {
        let user = user::find(connection, actor.user().as_uuid()).await?.ok_or(WorkspaceError::InvitationInvalid)?;
        (user.email, user.email_confirmed_at.is_some())
    } else {
        (actor.claims.email().map(str::to_lowercase), true)
    };
    if address.as_deref() != Some(email) {
        return Err(WorkspaceError::InvitationInvalid);
    }
    if confirmed { Ok(()) } else { Err(WorkspaceError::EmailUnconfirmed) }
}
