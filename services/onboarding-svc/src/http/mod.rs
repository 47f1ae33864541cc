//! The public API.

mod contexts;
mod definition;
mod error;
mod finalize;
mod finalize_events;
mod history;
mod mail_webhook;
mod precondition;
mod resume;
mod step;
mod suggestions;
mod transfer;

use actix_web::{HttpResponse, HttpResponseBuilder, http::StatusCode};
use domain::{ErrorCode, step::Slug};
use service_kit::{
    auth::Member,
    http::{Problem, Registration},
};
use utoipa::OpenApi;

use crate::session::{Editor, Tier};

#[derive(OpenApi)]
#[openapi(info(
    title = "Groundwork onboarding",
    description = "The 23 steps: definition, drafts, completion and finalize. Revisions are ETags; an edit names the one it is made on with If-Match."
))]
struct Document;

/// Title and description of the document.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Registers every route.
pub(crate) fn routes(routes: &mut impl Registration) {
    routes
        .service(definition::steps)
        .service(resume::resume)
        .service(step::read_step)
        .service(step::save_draft)
        .service(step::complete_step)
        .service(step::skip_step)
        .service(history::step_revisions)
        .service(history::undo_step)
        .service(finalize::finalize)
        .service(finalize::finalize_status)
        .service(finalize_events::finalize_events)
        .service(contexts::business_contexts)
        .service(contexts::business_context)
        .service(contexts::context_diff)
        .service(transfer::import_answers)
        .service(transfer::import_workspace)
        .service(transfer::export_answers)
        .service(suggestions::suggest_from_page)
        .service(mail_webhook::hear_of_mail);
    messaging::admin::routes(routes, "/api/admin/onboarding");
}

fn editor(member: &Member) -> Editor {
    Editor { workspace: member.workspace, claims: member.claims.clone() }
}

fn slug(text: &str) -> Result<Slug, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorCode::StepUnknown))
}

/// An answer that is one member's alone, and says where the drafts were.
fn private(status: StatusCode, tier: Option<Tier>) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header(("Cache-Control", "private, no-store"));
    if let Some(tier) = tier {
        response.insert_header(("Server-Timing", format!(r#"drafts;desc="{}""#, tier.as_str())));
    }
    response
}
