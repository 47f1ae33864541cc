//! `/api/auth/account`: what we know of the caller, and the end of their account.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use domain::ErrorCode;
use serde::Serialize;
use serde_json::{Value, json};
use service_kit::{
    auth::Authenticated,
    db::DbError,
    http::{Problem, ProblemBody},
};
use utoipa::ToSchema;

use super::{body, wire::UserBody};
use crate::{
    AuthService,
    provider::deletion,
    store::{account_deletion::AccountDeletion, account_export, session, user},
};

/// An account that is to end.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletionBody {
    requested_at: DateTime<Utc>,
    /// When it ends, unless it is taken back.
    due_at: DateTime<Utc>,
}

impl From<AccountDeletion> for DeletionBody {
    fn from(deletion: AccountDeletion) -> Self {
        Self { requested_at: deletion.requested_at, due_at: deletion.due_at }
    }
}

/// All that identity knows of the caller, as a file: account, profile, workspaces, sessions, invitations, and their latest ten
/// thousand acts.
#[utoipa::path(
    tag = "account",
    responses(
        (status = 200, description = "A JSON file", body = Object),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/account/export")]
pub(super) async fn export_account(app: web::Data<AuthService>, caller: Authenticated) -> Result<HttpResponse, Problem> {
    let (id, now) = (caller.claims.user.as_uuid(), app.kit.clock.now());
    let mut connection = app.kit.db.get().await?;
    let mut data = account_export::read(&mut connection, id).await.map_err(DbError::from)?;
    // An external provider has the accounts and sessions of its users.
    let known = match app.provider {
        Some(_) => user::find(&mut connection, id).await.map_err(DbError::from)?,
        None => None,
    };
    let sessions = session::of_user(&mut connection, id).await.map_err(DbError::from)?;
    let sessions: Vec<Value> = sessions
        .into_iter()
        .map(|session| json!({"id": session.id, "created_at": session.created_at, "refreshed_at": session.refreshed_at, "user_agent": session.user_agent, "ip": session.ip}))
        .collect();
    if let Some(members) = data.as_object_mut() {
        members.insert("exported_at".into(), json!(now));
        members.insert("account".into(), json!(known.map(UserBody::from)));
        members.insert("sessions".into(), json!(sessions));
    }
    let name = format!("attachment; filename=\"groundwork-account-{}.json\"", now.format("%Y-%m-%d"));
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).insert_header(("Content-Disposition", name)).json(data))
}

/// Ask for the end of the account. It ends after two weeks, with every workspace that nobody else belongs to. Needs a sign-in
/// within the last quarter of an hour; asking again changes nothing.
#[utoipa::path(
    tag = "account",
    responses(
        (status = 202, description = "When it ends", body = DeletionBody),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "AUTH-0010, GW-0028", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: another provider has the account", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0003: a workspace with other members is handed over first", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[post("/api/auth/account/deletion")]
pub(super) async fn request_deletion(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
) -> Result<HttpResponse, Problem> {
    app.embedded()?;
    let session = caller.claims.session_id().ok_or_else(|| Problem::new(ErrorCode::Unauthenticated))?;
    let (user, origin, shared) = (caller.claims.user, body::origin(&request, &app.kit), app.clone().into_inner());
    let requested =
        app.kit.lifecycle.detached(async move { deletion::request(&shared.kit, shared.embedded()?, user, session, &origin).await });
    Ok(HttpResponse::Accepted().insert_header(("Cache-Control", "no-store")).json(DeletionBody::from(requested.await??)))
}

/// Whether the account is to end, and when.
#[utoipa::path(
    tag = "account",
    responses(
        (status = 200, description = "When it ends", body = DeletionBody),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: it stays", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/account/deletion")]
pub(super) async fn read_deletion(app: web::Data<AuthService>, caller: Authenticated) -> Result<HttpResponse, Problem> {
    let stays = || Problem::new(ErrorCode::NotFound).detail("the account stays");
    let deletion = deletion::find(&app.kit, caller.claims.user).await?.ok_or_else(stays)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(DeletionBody::from(deletion)))
}

/// Keep the account after all.
#[utoipa::path(
    tag = "account",
    responses(
        (status = 204, description = "It stays"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: it was not to end", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[delete("/api/auth/account/deletion")]
pub(super) async fn cancel_deletion(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
) -> Result<HttpResponse, Problem> {
    app.embedded()?;
    let (user, origin, shared) = (caller.claims.user, body::origin(&request, &app.kit), app.clone().into_inner());
    let stays = app.kit.lifecycle.detached(async move { deletion::cancel(&shared.kit, shared.embedded()?, user, &origin).await });
    let was_not = || Problem::new(ErrorCode::NotFound).detail("the account was not to be deleted");
    if stays.await?? { Ok(HttpResponse::NoContent().finish()) } else { Err(was_not()) }
}
