//! `/auth/v1/admin/users`: accounts, for servers with a secret key.

use actix_web::{HttpRequest, HttpResponse, delete, get, http::StatusCode, post, put, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    body::{self, Body},
    error::Refusal,
    wire::{self, SupabaseError, UserBody},
};
use crate::{
    AuthService,
    provider::{
        Provider,
        admin::{self, Account},
        ban::Ban,
        password::NewPassword,
    },
};

const PER_PAGE: u32 = 50;
const MOST_PER_PAGE: u32 = 1000;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// From 1 on.
    page: Option<String>,
    /// From 1 on, at most 1000 are given; 50 unless it is said.
    per_page: Option<String>,
}

/// Users.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsersBody {
    users: Vec<UserBody>,
    /// `authenticated`.
    aud: &'static str,
}

/// What is to be set; what is absent or null stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct AccountBody {
    /// The new user's id.
    id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    /// The address counts as theirs without a proof.
    email_confirm: Option<bool>,
    /// Merged into the user's own metadata; a null takes a member away.
    #[schema(value_type = Option<Object>)]
    user_metadata: Option<Map<String, Value>>,
    /// Merged into the deployment's metadata about the user.
    #[schema(value_type = Option<Object>)]
    app_metadata: Option<Map<String, Value>>,
    /// `24h`, `1h30m`, or `none`.
    ban_duration: Option<String>,
}

impl AccountBody {
    fn into_account(self, provider: &Provider) -> Result<Account, Refusal> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if given(self.phone).is_some() {
            return Err(Refusal::bad_request("phone_provider_disabled", "Phone logins are disabled"));
        }
        let no_duration = |_| Refusal::bad_request("validation_failed", "invalid format for ban duration");
        Ok(Account {
            email: given(self.email).map(|email| body::email(Some(&email))).transpose()?,
            confirm: self.email_confirm.unwrap_or_default(),
            password: given(self.password).map(|text| NewPassword::parse(&text, provider.config.password_min_length)).transpose()?,
            user_metadata: self.user_metadata,
            app_metadata: self.app_metadata,
            ban: given(self.ban_duration).map(|text| Ban::parse(&text).map_err(no_duration)).transpose()?,
        })
    }
}

/// How an account ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct EndBody {
    /// Makes no difference: nothing stays of the person either way.
    #[serde(rename = "should_soft_delete")]
    #[schema(rename = "should_soft_delete")]
    _should_soft_delete: Option<bool>,
}

/// The id in a path.
pub(super) fn user_id(text: &str) -> Result<Uuid, Refusal> {
    Uuid::parse_str(text).map_err(|_| Refusal::not_found("validation_failed", "user_id must be an UUID"))
}

/// List users, the newest first.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of them; `X-Total-Count` and `Link` tell of the others", body = UsersBody),
        (status = 400, description = "`validation_failed`: no such page", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[get("/auth/v1/admin/users")]
pub(super) async fn list_users(
    app: web::Data<AuthService>,
    request: HttpRequest,
    query: Result<web::Query<PageQuery>, actix_web::Error>,
) -> HttpResponse {
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    body::answer(&request, list(&app, &request, query).await)
}

async fn list(app: &AuthService, request: &HttpRequest, query: PageQuery) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    body::server(request, &app.kit).await?;
    let number = |text: Option<String>, unless_said: u32| match text.filter(|text| !text.is_empty()) {
        None => Ok(unless_said),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| Refusal::bad_request("validation_failed", "Bad Pagination Parameters")),
    };
    let (page, per_page) = (number(query.page, 1)?, number(query.per_page, PER_PAGE)?.min(MOST_PER_PAGE));
    let (users, all) = admin::list(&app.kit, page, per_page).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("Cache-Control", "no-store")).insert_header(("X-Total-Count", all.to_string()));
    response.insert_header(("Link", links(page, per_page, u64::try_from(all).unwrap_or_default())));
    Ok(response.json(UsersBody { users: users.into_iter().map(UserBody::from).collect(), aud: "authenticated" }))
}

/// Clients read the first digit after the first `=`, so the page comes first.
fn links(page: u32, per_page: u32, all: u64) -> String {
    let last = all.div_ceil(u64::from(per_page)).max(1);
    let link = |page: u64, rel: &str| format!("</admin/users?page={page}&per_page={per_page}>; rel=\"{rel}\"");
    let next = (u64::from(page) < last).then(|| link(u64::from(page) + 1, "next"));
    next.into_iter().chain([link(last, "last")]).collect::<Vec<_>>().join(", ")
}

/// Make an account. Nobody gets a mail.
#[utoipa::path(
    tag = "supabase-auth-admin",
    request_body = AccountBody,
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`email_exists`, `user_already_exists`, `weak_password`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/admin/users")]
pub(super) async fn make_user(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, make(&app, &request, body).await)
}

async fn make(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let mut body: AccountBody = body::parse(body)?;
    let no_id = |_| Refusal::bad_request("validation_failed", "ID must conform to the uuid v4 format");
    let id = body.id.take().filter(|id| !id.is_empty()).map(|id| Uuid::parse_str(&id).map_err(no_id)).transpose()?;
    let mut account = body.into_account(provider)?;
    let email = match account.email.take() {
        Some(email) => email,
        None => body::email(None)?,
    };
    let user = body::complete(app, |app| async move { admin::create(&app.kit, app.embedded()?, id, email, account, &by).await }).await?;
    Ok(wire::user(user, None))
}

/// Read an account.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(("user_id" = Uuid, Path, description = "The user")),
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`, `validation_failed`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[get("/auth/v1/admin/users/{user_id}")]
pub(super) async fn read_user(app: web::Data<AuthService>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    body::answer(&request, read(&app, &request, &id).await)
}

async fn read(app: &AuthService, request: &HttpRequest, id: &str) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    body::server(request, &app.kit).await?;
    Ok(wire::user(admin::find(&app.kit, user_id(id)?).await?, None))
}

/// Change an account at once. A new password ends every session.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(("user_id" = Uuid, Path, description = "The user")),
    request_body = AccountBody,
    responses(
        (status = 200, description = "The user as it is now", body = UserBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`, `validation_failed`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`email_exists`, `weak_password`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[put("/auth/v1/admin/users/{user_id}")]
pub(super) async fn set_user(app: web::Data<AuthService>, request: HttpRequest, id: web::Path<String>, body: Body) -> HttpResponse {
    body::answer(&request, set(&app, &request, &id, body).await)
}

async fn set(app: &web::Data<AuthService>, request: &HttpRequest, id: &str, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let id = user_id(id)?;
    let account = body::parse::<AccountBody>(body)?.into_account(provider)?;
    let user = body::complete(app, |app| async move { admin::update(&app.kit, app.embedded()?, id, account, &by).await }).await?;
    Ok(wire::user(user, None))
}

/// End an account. Nothing stays of the person but the id.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(("user_id" = Uuid, Path, description = "The user")),
    request_body = Option<EndBody>,
    responses(
        (status = 200, description = "It is over", body = Object),
        (status = 400, description = "`bad_json`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`, `validation_failed`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 409, description = "`conflict`: a workspace with other members would have no owner", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[delete("/auth/v1/admin/users/{user_id}")]
pub(super) async fn end_user(app: web::Data<AuthService>, request: HttpRequest, id: web::Path<String>, body: Body) -> HttpResponse {
    body::answer(&request, end(&app, &request, &id, body).await)
}

async fn end(app: &web::Data<AuthService>, request: &HttpRequest, id: &str, body: Body) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let id = user_id(id)?;
    body::parse_if_any::<EndBody>(body)?;
    body::complete(app, |app| async move { admin::delete(&app.kit, app.embedded()?, id, &by).await }).await?;
    Ok(wire::nothing(None))
}

/// List a user's second factors.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(("user_id" = Uuid, Path, description = "The user")),
    responses(
        (status = 200, description = "The factors", body = Vec<Object>),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`, `validation_failed`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[get("/auth/v1/admin/users/{user_id}/factors")]
pub(super) async fn list_factors(app: web::Data<AuthService>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    body::answer(&request, factors(&app, &request, &id).await)
}

async fn factors(app: &AuthService, request: &HttpRequest, id: &str) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    body::server(request, &app.kit).await?;
    let user = admin::find(&app.kit, user_id(id)?).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(user.factors.unwrap_or_else(|| json!([]))))
}

/// Take a second factor away.
#[utoipa::path(
    tag = "supabase-auth-admin",
    params(("user_id" = Uuid, Path, description = "The user"), ("factor_id" = Uuid, Path, description = "The factor")),
    responses(
        (status = 200, description = "`{id}`: it is gone", body = Object),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`, `mfa_factor_not_found`, `validation_failed`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[delete("/auth/v1/admin/users/{user_id}/factors/{factor_id}")]
pub(super) async fn take_factor(app: web::Data<AuthService>, request: HttpRequest, ids: web::Path<(String, String)>) -> HttpResponse {
    body::answer(&request, take(&app, &request, &ids).await)
}

async fn take(app: &web::Data<AuthService>, request: &HttpRequest, (id, factor): &(String, String)) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let no_factor = |_| Refusal::new(StatusCode::NOT_FOUND, "mfa_factor_not_found", "Factor not found");
    let (id, factor) = (user_id(id)?, Uuid::parse_str(factor).map_err(no_factor)?);
    body::complete(app, |app| async move { admin::remove_factor(&app.kit, app.embedded()?, id, factor, &by).await }).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(json!({"id": factor})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_next_page_and_the_last_one() {
        assert_eq!(links(1, 50, 120), r#"</admin/users?page=2&per_page=50>; rel="next", </admin/users?page=3&per_page=50>; rel="last""#);
        assert_eq!(links(3, 50, 120), r#"</admin/users?page=3&per_page=50>; rel="last""#);
        assert_eq!(links(9, 50, 0), r#"</admin/users?page=1&per_page=50>; rel="last""#);
    }
}
