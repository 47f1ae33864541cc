//! `/auth/v1/factors`: second factors.

use actix_web::{HttpRequest, HttpResponse, delete, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    body::{self, Body},
    error::{Refusal, session_not_found},
    session_cookie::SessionCookie,
    throttle,
    wire::{self, SessionBody, SupabaseError},
};
use crate::{
    AuthService,
    provider::factor::{self, FactorError, Holder},
};

/// How apps call us unless the client says otherwise.
const ISSUER: &str = "Groundwork";

/// A factor to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct EnrolBody {
    /// `totp`.
    factor_type: Option<String>,
    /// How the user calls it; unique among theirs.
    friendly_name: Option<String>,
    /// How the app calls us.
    issuer: Option<String>,
}

/// A factor that waits for its first code.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolledBody {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    friendly_name: String,
    totp: TotpBody,
}

/// What an authenticator app needs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotpBody {
    /// SVG.
    qr_code: String,
    /// Base32.
    secret: String,
    /// `otpauth://…`
    uri: String,
}

/// A challenge.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChallengeBody {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds since the epoch.
    expires_at: i64,
}

/// The code of a challenge.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CodeBody {
    challenge_id: Option<String>,
    /// Six digits.
    code: Option<String>,
}

/// A factor that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RemovedBody {
    id: Uuid,
}

/// Begin a second factor. It counts once a code of it was given.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = EnrolBody,
    responses(
        (status = 200, description = "What the app needs", body = EnrolledBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`, `insufficient_aal`", body = SupabaseError),
        (status = 422, description = "`mfa_factor_name_conflict`, `too_many_enrolled_mfa_factors`, `mfa_phone_enroll_not_enabled`, `mfa_webauthn_enroll_not_enabled`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/factors")]
pub(super) async fn enrol_factor(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, enrol(&app, &request, body).await)
}

async fn enrol(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let holder = holder(app, request).await?;
    let body: EnrolBody = body::parse(body)?;
    match body.factor_type.as_deref() {
        Some("totp") => {}
        Some("phone") => return Err(Refusal::unprocessable("mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone")),
        Some("webauthn") => return Err(Refusal::unprocessable("mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn")),
        _ => return Err(Refusal::bad_request("validation_failed", "factor_type needs to be totp, phone, or webauthn")),
    }
    let issuer = body.issuer.filter(|issuer| !issuer.is_empty() && issuer.chars().count() <= 100).unwrap_or_else(|| ISSUER.to_owned());
    let (name, origin) = (body.friendly_name.unwrap_or_default(), body::origin(request, &app.kit));
    let decision = throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?;
    let enrolled =
        body::complete(app, |app| async move { factor::enrol(&app.kit, app.embedded()?, holder, &name, &issuer, &origin).await });
    let enrolled = enrolled.await?;
    let totp = TotpBody { qr_code: enrolled.enrolment.qr_code, secret: enrolled.enrolment.secret, uri: enrolled.enrolment.uri };
    let mut response = HttpResponse::Ok();
    throttle::tell(&mut response, decision);
    let body = EnrolledBody { id: enrolled.id, kind: "totp", friendly_name: enrolled.friendly_name, totp };
    Ok(response.insert_header(("Cache-Control", "no-store")).json(body))
}

/// Ask for a code of the factor. It has to come within five minutes.
#[utoipa::path(
    tag = "supabase-auth",
    params(("factor_id" = String, Path, description = "The factor")),
    responses(
        (status = 200, description = "The challenge", body = ChallengeBody),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`", body = SupabaseError),
        (status = 404, description = "`mfa_factor_not_found`", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/factors/{factor_id}/challenge")]
pub(super) async fn challenge_factor(app: web::Data<AuthService>, request: HttpRequest, factor: web::Path<String>) -> HttpResponse {
    body::answer(&request, challenge(&app, &request, &factor).await)
}

async fn challenge(app: &web::Data<AuthService>, request: &HttpRequest, factor: &str) -> Result<HttpResponse, Refusal> {
    let holder = holder(app, request).await?;
    let factor = id(factor).ok_or(FactorError::NotFound)?;
    let origin = body::origin(request, &app.kit);
    throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?;
    let (id, expires_at) =
        body::complete(app, |app| async move { factor::challenge(&app.kit, app.embedded()?, holder, factor).await }).await?;
    Ok(HttpResponse::Ok().json(ChallengeBody { id, kind: "totp", expires_at: expires_at.timestamp() }))
}

/// Give the code: the session shows two factors from now on (`aal2`) and gets tokens that say so. Sessions of the user that
/// showed one end.
#[utoipa::path(
    tag = "supabase-auth",
    params(("factor_id" = String, Path, description = "The factor")),
    request_body = CodeBody,
    responses(
        (status = 200, description = "The raised session", body = SessionBody),
        (status = 400, description = "`bad_json`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`", body = SupabaseError),
        (status = 404, description = "`mfa_factor_not_found`", body = SupabaseError),
        (status = 422, description = "`mfa_verification_failed`, `mfa_challenge_expired`, `mfa_factor_not_found`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/factors/{factor_id}/verify")]
pub(super) async fn verify_factor(
    app: web::Data<AuthService>,
    request: HttpRequest,
    factor: web::Path<String>,
    body: Body,
) -> HttpResponse {
    body::answer(&request, verify(&app, &request, &factor, body).await)
}

async fn verify(app: &web::Data<AuthService>, request: &HttpRequest, factor: &str, body: Body) -> Result<HttpResponse, Refusal> {
    let holder = holder(app, request).await?;
    let factor = id(factor).ok_or(FactorError::NotFound)?;
    let body: CodeBody = body::parse(body)?;
    let challenge = body.challenge_id.as_deref().and_then(id).ok_or(FactorError::ChallengeNotFound)?;
    let (code, origin) = (body.code.unwrap_or_default(), body::origin(request, &app.kit));
    let decision = throttle::take(&app.kit, &[(app.config.rate.codes_per_factor(), factor.to_string())]).await?;
    let issued =
        body::complete(
            app,
            |app| async move { factor::verify(&app.kit, app.embedded()?, holder, factor, challenge, &code, &origin).await },
        );
    Ok(wire::session(issued.await?, SessionCookie::wanted(request, body::provider(app)?), decision))
}

/// Remove a factor. One that counts needs a session that showed it.
#[utoipa::path(
    tag = "supabase-auth",
    params(("factor_id" = String, Path, description = "The factor")),
    responses(
        (status = 200, description = "It is gone", body = RemovedBody),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`", body = SupabaseError),
        (status = 404, description = "`mfa_factor_not_found`", body = SupabaseError),
        (status = 422, description = "`insufficient_aal`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[delete("/auth/v1/factors/{factor_id}")]
pub(super) async fn remove_factor(app: web::Data<AuthService>, request: HttpRequest, factor: web::Path<String>) -> HttpResponse {
    body::answer(&request, remove(&app, &request, &factor).await)
}

async fn remove(app: &web::Data<AuthService>, request: &HttpRequest, factor: &str) -> Result<HttpResponse, Refusal> {
    let holder = holder(app, request).await?;
    let id = id(factor).ok_or(FactorError::NotFound)?;
    let origin = body::origin(request, &app.kit);
    body::complete(app, |app| async move { factor::unenrol(&app.kit, app.embedded()?, holder, id, &origin).await }).await?;
    Ok(HttpResponse::Ok().json(RemovedBody { id }))
}

async fn holder(app: &AuthService, request: &HttpRequest) -> Result<Holder, Refusal> {
    body::provider(app)?;
    let claims = body::identify(request, &app.kit).await?;
    Ok(Holder { user: claims.user.as_uuid(), session: claims.session_id().ok_or_else(session_not_found)? })
}

fn id(text: &str) -> Option<Uuid> {
    text.parse().ok()
}
