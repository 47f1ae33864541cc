//! The public API. A member is authorised by the extractor before anything is looked up.

mod aliases;
mod answer;
mod diff;
mod error;
mod events;
mod export;
mod freshness;
mod history;
mod keys;
mod limits;
mod manifest;
mod parts;
mod prompt;
mod rebuild;
mod rebuild_events;
mod revise;
mod stats;
mod stream;

use domain::ErrorCode;
use service_kit::http::{Problem, Registration};
use utoipa::OpenApi;

use crate::manifest::selector::Selector;

#[derive(OpenApi)]
#[openapi(info(
    title = "Groundwork business context",
    description = "The Business Context Manifest of a workspace: its versions, their exact bytes and checksums. Send X-Workspace-Id to name the workspace; without it the oldest of the user's workspaces is meant."
))]
struct Document;

/// Title and description of the document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Registers every route.
pub fn routes(routes: &mut impl Registration) {
    routes
        .service(manifest::current)
        .service(manifest::version)
        .service(manifest::by_checksum)
        .service(history::history)
        .service(diff::diff)
        .service(export::export)
        .service(keys::keys)
        .service(prompt::prompt)
        .service(rebuild::start)
        .service(rebuild::status)
        .service(rebuild_events::job_events)
        .service(revise::rollback)
        .service(revise::pin)
        .service(revise::unpin)
        .service(aliases::list)
        .service(aliases::set)
        .service(aliases::remove)
        .service(freshness::freshness)
        .service(stats::stats)
        .service(events::head_events);
    messaging::admin::routes(routes, "/api/admin/context");
}

/// What lies under a path or parameter that names no version is not there.
fn selector(text: &str) -> Result<Selector, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorCode::ManifestVersionNotFound))
}
