//! `POST /auth/v1/logout`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    body,
    error::{Refusal, session_not_found},
    session_cookie::SessionCookie,
    wire::SupabaseError,
};
use crate::{
    AuthService,
    provider::sign_out::{self, Scope},
};

/// Which sessions end.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScopeQuery {
    /// `global` (the default), `local` or `others`.
    scope: Option<String>,
}

/// End sessions of the user. A body, if one is sent, is not read.
#[utoipa::path(
    tag = "supabase-auth",
    params(ScopeQuery),
    responses(
        (status = 204, description = "They are over"),
        (status = 400, description = "`validation_failed`: no such scope", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/logout")]
pub(super) async fn end_sessions(
    app: web::Data<AuthService>,
    request: HttpRequest,
    scope: Result<web::Query<ScopeQuery>, actix_web::Error>,
) -> HttpResponse {
    let scope = scope.map(web::Query::into_inner);
    body::answer(&request, carry_out(&app, &request, scope.ok()).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, query: Option<ScopeQuery>) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let claims = body::identify(request, &app.kit).await?;
    let scope = query.and_then(|query| Scope::parse(query.scope.as_deref()));
    let scope = scope.ok_or_else(|| Refusal::bad_request("validation_failed", "Unsupported logout scope"))?;
    let session = claims.session_id().ok_or_else(session_not_found)?;
    let (origin, user) = (body::origin(request, &app.kit), claims.user);
    body::complete(app, |app| async move { sign_out::sign_out(&app.kit, app.embedded()?, user, session, scope, &origin).await }).await?;
    let mut response = HttpResponse::NoContent().finish();
    if let Some(cookie) = SessionCookie::wanted(request, provider).filter(|_| scope != Scope::Others) {
        cookie.drop(&mut response);
    }
    Ok(response)
}
