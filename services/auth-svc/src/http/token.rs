//! `POST /auth/v1/token`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{self, Body},
    error::Refusal,
    session_cookie::SessionCookie,
    throttle,
    wire::{self, SessionBody, SupabaseError},
};
use crate::{
    AuthService,
    provider::{pkce, refresh, refresh::RefreshError, sign_in, sign_in::SignInError},
};

/// Which proof is exchanged for a session.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// `password`, `refresh_token` or `pkce`.
    grant_type: Option<String>,
}

/// The proof: `email` and `password`, or `refresh_token`, or `auth_code` and `code_verifier`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TokenBody {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    auth_code: Option<String>,
    code_verifier: Option<String>,
}

/// Sign in with a password, get the next pair of tokens of a session, or end a sign-in by mail that began here (PKCE).
///
/// A refresh token is good once. The present one's parent, and for ten seconds after a refresh any older one, is answered
/// with the present one again; a later use of an old one ends the session.
///
/// With `X-Session-Mode: cookie`, here and wherever a session is answered, the refresh token travels in a cookie that no script
/// can read, and not in the body.
#[utoipa::path(
    tag = "supabase-auth",
    params(GrantQuery, ("x-session-mode" = Option<String>, Header, description = "`cookie`, for browsers")),
    request_body = TokenBody,
    responses(
        (status = 200, description = "A session", body = SessionBody),
        (status = 400, description = "`invalid_credentials`, `validation_failed`, `refresh_token_not_found`, `refresh_token_already_used`, `session_expired`, `user_banned`, `email_not_confirmed`, `bad_code_verifier`, `bad_json`", body = SupabaseError),
        (status = 404, description = "`flow_state_not_found`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`flow_state_expired`", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/token")]
pub(super) async fn exchange(
    app: web::Data<AuthService>,
    request: HttpRequest,
    grant: Result<web::Query<GrantQuery>, actix_web::Error>,
    body: Body,
) -> HttpResponse {
    let grant = grant.ok().and_then(|grant| grant.into_inner().grant_type);
    let result = match grant.as_deref() {
        Some("password") => with_password(&app, &request, body).await,
        Some("refresh_token") => return refreshed(&app, &request, with_refresh_token(&app, &request, body).await),
        Some("pkce") => with_auth_code(&app, &request, body).await,
        Some("id_token") => Err(Refusal::bad_request("provider_disabled", "Sign-in with an identity token is disabled")),
        Some("web3") => Err(Refusal::unprocessable("web3_provider_disabled", "Web3 provider is disabled")),
        _ => Err(Refusal::bad_request("invalid_credentials", "unsupported_grant_type")),
    };
    body::answer(&request, result)
}

/// A browser forgets a refresh token that leads nowhere any more.
fn refreshed(app: &AuthService, request: &HttpRequest, result: Result<HttpResponse, Refusal>) -> HttpResponse {
    let cookie = app.provider.as_ref().and_then(|provider| SessionCookie::wanted(request, provider));
    let mut response = body::answer(request, result);
    if let (Some(cookie), StatusCode::BAD_REQUEST) = (cookie, response.status()) {
        cookie.drop(&mut response);
    }
    response
}

async fn with_password(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: TokenBody = body::parse(body)?;
    let email = match (body.email.filter(|email| !email.is_empty()), body.phone.filter(|phone| !phone.is_empty())) {
        (Some(email), None) => email,
        (None, Some(_)) => return Err(Refusal::bad_request("phone_provider_disabled", "Phone logins are disabled")),
        (Some(_), Some(_)) => {
            let message = "Only an email address or phone number should be provided on login.";
            return Err(Refusal::bad_request("validation_failed", message));
        }
        (None, None) => return Err(Refusal::bad_request("validation_failed", "missing email or phone")),
    };
    let password = body.password.unwrap_or_default();
    let (origin, rate) = (body::origin(request, &app.kit), &app.config.rate);
    let limits = [(rate.sign_in_per_address(), throttle::address(&origin)), (rate.sign_in_per_account(), throttle::account(&email))];
    let decision = throttle::take(&app.kit, &limits).await?;
    let signed_in = body::detached(app, |app| async move { sign_in::sign_in(&app.kit, app.embedded()?, &email, &password, &origin).await });
    let signed_in = signed_in.await?;
    let outcome = match &signed_in {
        Ok(_) => "done",
        Err(SignInError::Fault(_)) => "failed",
        Err(_) => "refused",
    };
    app.metrics.sign_ins_total.with_label_values(&[outcome]).inc();
    Ok(wire::session(signed_in?, SessionCookie::wanted(request, provider), decision))
}

async fn with_refresh_token(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let cookie = SessionCookie::wanted(request, body::provider(app)?);
    let sent = match (cookie.and_then(|cookie| cookie.token(request)), body) {
        // A browser has nothing to say besides the cookie.
        (Some(token), _) => Some(token),
        (None, body) => body::parse::<TokenBody>(body)?.refresh_token,
    };
    let token = sent.unwrap_or_default();
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take(&app.kit, &[(app.config.rate.refresh_per_address(), throttle::address(&origin))]).await?;
    let refreshed = body::detached(app, |app| async move { refresh::refresh(&app.kit, app.embedded()?, &token, &origin).await }).await?;
    let outcome = match &refreshed {
        Ok(refreshed) if refreshed.rotated => "rotated",
        Ok(_) => "repeated",
        Err(RefreshError::Reused) => "reused",
        Err(RefreshError::Fault(_)) => "failed",
        Err(_) => "refused",
    };
    app.metrics.refreshes_total.with_label_values(&[outcome]).inc();
    Ok(wire::session(refreshed?.issued, cookie, decision))
}

async fn with_auth_code(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: TokenBody = body::parse(body)?;
    let (code, verifier) = (body.auth_code.unwrap_or_default(), body.code_verifier.unwrap_or_default());
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?;
    let issued = body::complete(app, |app| async move { pkce::exchange(&app.kit, app.embedded()?, &code, &verifier, &origin).await });
    Ok(wire::session(issued.await?, SessionCookie::wanted(request, provider), decision))
}
