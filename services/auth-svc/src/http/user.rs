//! `/auth/v1/user`: the signed-in user, read and changed.

use actix_web::{HttpRequest, HttpResponse, get, put, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::{Refusal, session_not_found},
    refusal::user_not_found,
    throttle,
    wire::{self, SupabaseError, UserBody},
};
use crate::{
    AuthService,
    provider::{
        Fault,
        password::NewPassword,
        update_user::{self, Changes},
    },
    store::{session, user as store},
};

/// What is to change; what is absent or null stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UpdateUserBody {
    /// Both addresses have to agree, by mail, where confirmation is on.
    email: Option<String>,
    phone: Option<String>,
    /// Signs every other session out.
    password: Option<String>,
    /// With it, a session of any age may change the password.
    current_password: Option<String>,
    /// The code of `/reauthenticate`, for the same.
    nonce: Option<String>,
    /// Merged into the user's metadata; a null takes a member away.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    #[serde(flatten)]
    challenge: ChallengeMembers,
}

/// The user of the token, if its session is still alive.
#[utoipa::path(
    tag = "supabase-auth",
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 400, description = "`validation_failed`: another audience", body = SupabaseError),
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
    // The verifier let only this audience in; a client may ask about another one.
    if request.headers().get("x-jwt-aud").is_some_and(|asked| asked != app.kit.config.auth.audience.as_str()) {
        return Err(Refusal::bad_request("validation_failed", "Token audience doesn't match request audience"));
    }
    let id = claims.user.as_uuid();
    let mut connection = app.kit.db.get().await?;
    let user = store::find(&mut connection, id).await.map_err(Fault::from)?.ok_or_else(user_not_found)?;
    let alive = match claims.session_id() {
        Some(session) => session::exists(&mut connection, session, id).await.map_err(Fault::from)?,
        None => false,
    };
    if !alive {
        return Err(session_not_found());
    }
    if user.is_banned(provider.clock.now()) {
        return Err(Refusal::forbidden("user_banned", "User is banned"));
    }
    Ok(wire::user(user, None))
}

/// Change metadata, password or address.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = UpdateUserBody,
    responses(
        (status = 200, description = "The user as it is now", body = UserBody),
        (status = 400, description = "`bad_json`, `validation_failed`, `reauthentication_needed`, `current_password_invalid`", body = SupabaseError),
        (status = 401, description = "`no_authorization`, `insufficient_aal`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`, `user_not_found`, `user_banned`", body = SupabaseError),
        (status = 422, description = "`weak_password`, `same_password`, `email_exists`, `reauthentication_not_valid`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[put("/auth/v1/user")]
pub(super) async fn change_user(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, change(&app, &request, body).await)
}

async fn change(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let claims = body::identify(request, &app.kit).await?;
    let body: UpdateUserBody = body::parse(body)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    if given(body.phone).is_some() {
        return Err(Refusal::bad_request("phone_provider_disabled", "Phone logins are disabled"));
    }
    let email = given(body.email).map(|email| body::email(Some(&email))).transpose()?;
    let password = given(body.password).map(|text| NewPassword::parse(&text, provider.config.password_min_length)).transpose()?;
    let go_on = body::continuation(request, provider, &body.challenge)?;
    let session = claims.session_id().ok_or_else(session_not_found)?;
    let origin = body::origin(request, &app.kit);
    let decision = match &email {
        Some(email) => throttle::take_mail(app, &origin, email.as_str(), "email-change").await?,
        None => throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?,
    };
    let changes = Changes {
        email,
        password,
        current_password: given(body.current_password).map(Into::into),
        nonce: given(body.nonce),
        data: body.data,
    };
    let user = claims.user;
    let updated = body::complete(app, |app| async move {
        update_user::update_user(&app.kit, app.embedded()?, user, session, changes, &go_on, &origin).await
    });
    Ok(wire::user(updated.await?, decision))
}
