//! Endpoints. Those under `/auth/v1` answer in Supabase Auth's shapes, those under `/api/auth` in our own.

mod body;
mod error;
mod metadata;
mod profile;
mod sign_out;
mod sign_up;
mod throttle;
mod token;
mod user;
mod wire;

use actix_web::web;
use utoipa::OpenApi;

/// Title and description of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "Groundwork identity",
    description = "Identity in the shapes of Supabase Auth (`/auth/v1`), profiles, workspaces, and the gate (`/api/auth`)."
))]
struct Document;

/// The OpenAPI document without its paths.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Registers the public routes.
pub fn routes(routes: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
    routes
        .service(sign_up::sign_up)
        .service(token::exchange)
        .service(sign_out::sign_out)
        .service(user::current_user)
        .service(metadata::settings)
        .service(metadata::health)
        .service(metadata::key_set)
        .service(profile::ensure_profile)
        .service(profile::verify_profile)
        .configure(|routes| messaging::admin::routes(routes, "/api/admin/auth"))
        .route("/auth/v1/{rest:.*}", web::to(error::nothing_here));
}
