//! `/api/auth/sessions`: where the caller is signed in.

use actix_web::{HttpRequest, HttpResponse, delete, get, web};
use chrono::{DateTime, Utc};
use domain::ErrorCode;
use serde::Serialize;
use service_kit::{
    auth::Authenticated,
    http::{Problem, ProblemBody, RequestId, client_address},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AuthService,
    provider::{Origin, sign_out},
    store::session::{self as store, Listed},
};

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionInListBody {
    id: Uuid,
    /// Whether the request is made with it.
    current: bool,
    created_at: DateTime<Utc>,
    /// When it last got new tokens.
    refreshed_at: Option<DateTime<Utc>>,
    /// `aal2` when a second factor was shown.
    aal: String,
    /// The client's own name for itself, for a person to recognise it by.
    user_agent: Option<String>,
    ip: Option<String>,
}

impl SessionInListBody {
    fn new(session: Listed, current: Option<Uuid>) -> Self {
        let Listed { id, created_at, refreshed_at, aal, user_agent, ip } = session;
        Self { id, current: current == Some(id), created_at, refreshed_at, aal, user_agent, ip }
    }
}

/// Where the caller is signed in, the latest first.
#[utoipa::path(
    tag = "account",
    responses(
        (status = 200, description = "Sessions", body = Vec<SessionInListBody>),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: another provider has the sessions", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/sessions")]
pub(super) async fn list_sessions(app: web::Data<AuthService>, caller: Authenticated) -> Result<HttpResponse, Problem> {
    of_ours(&app)?;
    let mut connection = app.kit.db.get().await?;
    let sessions = store::of_user(&mut connection, caller.claims.user.as_uuid()).await?;
    let current = caller.claims.session_id();
    let body: Vec<_> = sessions.into_iter().map(|session| SessionInListBody::new(session, current)).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// End one of them. Its refresh tokens are dead at once, its access token within the hour.
#[utoipa::path(
    tag = "account",
    params(("session_id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "It is over"),
        (status = 400, description = "GW-0021", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "AUTH-0012, or GW-0002: another provider has the sessions", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[delete("/api/auth/sessions/{session_id}")]
pub(super) async fn end_session(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
    session: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    of_ours(&app)?;
    let (user, session) = (caller.claims.user, session.into_inner());
    let origin = Origin { request_id: RequestId::of(&request), ip: client_address(&request, &app.kit.config.http), user_agent: None };
    let shared = app.clone().into_inner();
    let ended = app.kit.lifecycle.detached(async move { sign_out::end_one(&shared.kit, user, session, &origin).await });
    if ended.await?? { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::new(ErrorCode::SessionNotFound)) }
}

fn of_ours(app: &AuthService) -> Result<(), Problem> {
    let elsewhere = || Problem::new(ErrorCode::NotFound).detail("sessions are kept by the external identity provider");
    app.provider.as_ref().map(|_| ()).ok_or_else(elsewhere)
}
