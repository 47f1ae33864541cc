//! How often a member may ask for what costs more than a look into a tier. Reading the manifest itself is not limited.

use service_kit::{auth::Member, http::Problem, rate_limit::Limit};

use crate::BcmService;

/// What is computed for each request: differences, prompts, exports, parts.
pub const RENDER: Limit = Limit { name: "context_render", burst: 120, per_s: 60 };
/// What changes what others read.
pub const REVISE: Limit = Limit { name: "context_revise", burst: 30, per_s: 60 };

/// Takes one of the member's requests.
pub async fn take(app: &BcmService, member: &Member, limit: Limit) -> Result<(), Problem> {
    app.kit.limits.take(limit, &member.user().to_string()).await.or_refuse().map(|_| ())
}
