//! `GET /auth/v1/user`.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};

use super::{
    body,
    error::{Refusal, session_not_found},
    wire::{SupabaseError, UserBody},
};
use crate::{
    AuthService,
    store::{session, user as store},
};

/// The user of the token, if its session is still alive.
#[utoipa::path(
    tag = "supabase-auth",
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`, `user_not_found`, `user_banned`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[get("/auth/v1/user")]
pub(super) async fn current_user(app: web::Data<AuthService>, request: HttpRequest) -> HttpResponse {
    body::answer(&request, find(&app, &request).await)
}

async fn find(app: &AuthService, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let claims = body::identify(request, &app.kit).await?;
    let id = claims.user.as_uuid();
    let mut connection = app.kit.db.get().await?;
    let found = store::find(&mut connection, id).await.map_err(crate::provider::Fault::from)?;
    let user = found.ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN, "user_not_found", "User from sub claim in JWT does not exist"))?;
    let alive = match claims.session_id() {
        Some(session) => session::exists(&mut connection, session, id).await.map_err(crate::provider::Fault::from)?,
        None => false,
    };
    if !alive {
        return Err(session_not_found());
    }
    if user.is_banned(provider.clock.now()) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "user_banned", "User is banned"));
    }
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(UserBody::from(user)))
}
