//! What clients and verifiers ask of the provider itself.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{body, error::Refusal, wire::SupabaseError};
use crate::AuthService;

/// How long verifiers may keep the key set; a new key is published before it signs.
const KEY_SET_CACHE: &str = "public, max-age=600";

/// What the provider offers.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is Supabase Auth's")]
pub(super) struct SettingsBody {
    /// Ways to sign in, by name.
    #[schema(value_type = Object)]
    external: Value,
    disable_signup: bool,
    /// Whether accounts need no confirmation.
    mailer_autoconfirm: bool,
    phone_autoconfirm: bool,
    sms_provider: &'static str,
    saml_enabled: bool,
    saml_private_key_next_configured: bool,
    passkeys_enabled: bool,
}

/// The names that clients look for.
const OTHER_WAYS: [&str; 24] = [
    "anonymous_users",
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "zoom",
];

/// Ways to sign in: by mail only.
fn external() -> Value {
    let off = OTHER_WAYS.into_iter().map(|way| (way.to_owned(), json!(false)));
    Value::Object(off.chain([("email".to_owned(), json!(true))]).collect())
}

/// Which provider answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    version: &'static str,
    name: &'static str,
    description: &'static str,
}

/// Public keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeySetBody {
    /// JSON Web Keys.
    #[schema(value_type = Vec<Object>)]
    keys: Value,
}

/// What the provider offers.
#[utoipa::path(
    tag = "supabase-auth",
    responses((status = 200, description = "Settings", body = SettingsBody), (status = 404, description = "Another provider is used", body = SupabaseError))
)]
#[get("/auth/v1/settings")]
pub(super) async fn settings(app: web::Data<AuthService>, request: HttpRequest) -> HttpResponse {
    let answer = body::provider(&app).map(|provider| {
        HttpResponse::Ok().json(SettingsBody {
            external: external(),
            disable_signup: false,
            mailer_autoconfirm: !provider.config.email_confirmation,
            phone_autoconfirm: false,
            sms_provider: "",
            saml_enabled: false,
            saml_private_key_next_configured: false,
            passkeys_enabled: false,
        })
    });
    body::answer(&request, answer)
}

/// Which provider answers.
#[utoipa::path(tag = "supabase-auth", responses((status = 200, description = "It answers", body = HealthBody)))]
#[get("/auth/v1/health")]
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().json(HealthBody {
        version: env!("CARGO_PKG_VERSION"),
        name: "auth-svc",
        description: "Groundwork's identity provider, in the protocol of Supabase Auth",
    })
}

/// The public keys of access tokens.
#[utoipa::path(
    tag = "supabase-auth",
    responses(
        (status = 200, description = "A JSON Web Key Set", body = KeySetBody),
        (status = 404, description = "Another provider is used", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[get("/auth/v1/.well-known/jwks.json")]
pub(super) async fn key_set(app: web::Data<AuthService>, request: HttpRequest) -> HttpResponse {
    body::answer(&request, read_keys(&app).await)
}

async fn read_keys(app: &AuthService) -> Result<HttpResponse, Refusal> {
    let keys = body::provider(app)?.keys.current().await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", KEY_SET_CACHE)).json(&keys.key_set))
}

/// `OpenID` metadata: where verifiers of other kinds find the keys.
#[utoipa::path(
    tag = "supabase-auth",
    responses((status = 200, description = "Metadata", body = Object), (status = 404, description = "Another provider is used", body = SupabaseError))
)]
#[get("/auth/v1/.well-known/openid-configuration")]
pub(super) async fn openid_configuration(app: web::Data<AuthService>, request: HttpRequest) -> HttpResponse {
    let answer = body::provider(&app).map(|provider| {
        let issuer = &provider.issuer;
        HttpResponse::Ok().insert_header(("Cache-Control", KEY_SET_CACHE)).json(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/user"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256", "plain"],
        }))
    });
    body::answer(&request, answer)
}
