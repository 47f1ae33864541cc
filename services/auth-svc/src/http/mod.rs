//! Endpoints. Those under `/auth/v1` answer in Supabase Auth's shapes, those under `/api/auth` in our own.

mod absent;
mod account;
mod admin_users;
mod audit;
mod body;
mod error;
mod factors;
mod gate_events;
mod generate_link;
mod invitations;
mod invite;
mod mail_webhook;
mod members;
mod metadata;
mod otp;
mod profile;
mod reauthenticate;
mod recover;
mod refusal;
mod resend;
mod session_cookie;
mod sessions;
mod sign_out;
mod sign_up;
mod throttle;
mod token;
mod user;
mod verify;
mod wire;
mod workspaces;

use actix_web::web;
use service_kit::http::Registration;
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
pub fn routes(routes: &mut impl Registration) {
    routes
        .service(sign_up::create_account)
        .service(token::exchange)
        .service(sign_out::end_sessions)
        .service(recover::mail_recovery)
        .service(otp::mail_code)
        .service(otp::mail_link)
        .service(resend::mail_again)
        .service(verify::bring_proof)
        .service(verify::follow_link)
        .service(verify::look_at_link)
        .service(reauthenticate::mail_nonce)
        .service(user::current_user)
        .service(user::change_user)
        .service(factors::enrol_factor)
        .service(factors::challenge_factor)
        .service(factors::verify_factor)
        .service(factors::remove_factor)
        .service(admin_users::list_users)
        .service(admin_users::make_user)
        .service(admin_users::read_user)
        .service(admin_users::set_user)
        .service(admin_users::end_user)
        .service(admin_users::list_factors)
        .service(admin_users::take_factor)
        .service(invite::mail_invitation)
        .service(generate_link::make_link)
        .service(metadata::settings)
        .service(metadata::health)
        .service(metadata::key_set)
        .service(metadata::openid_configuration)
        .service(profile::ensure_profile)
        .service(profile::verify_profile)
        .service(gate_events::gate_events)
        .service(sessions::list_sessions)
        .service(sessions::end_session)
        .service(account::export_account)
        .service(account::request_deletion)
        .service(account::read_deletion)
        .service(account::cancel_deletion)
        .service(workspaces::list_workspaces)
        .service(workspaces::make_workspace)
        .service(workspaces::rename_workspace)
        .service(workspaces::hand_over)
        .service(audit::export_audit)
        .service(members::list_members)
        .service(members::change_role)
        .service(members::remove_member)
        .service(invitations::list_invitations)
        .service(invitations::invite)
        .service(invitations::revoke_invitation)
        .service(invitations::accept_invitation)
        .service(mail_webhook::hear_of_mail)
        .route("/auth/v1/authorize", web::get().to(absent::other_providers))
        .route("/auth/v1/{rest:.*}", web::to(absent::feature));
    messaging::admin::routes(routes, "/api/admin/auth");
}
