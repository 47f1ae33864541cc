//! `/api/admin/…/dead-letters`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::WorkspaceId};
use serde::{Deserialize, Serialize};
use service_kit::{
    Kit,
    audit::Author,
    auth::Operator,
    http::{JsonBody, Problem, ProblemBody},
};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Refusals, answer, author, bounded, invalid};
use crate::dead_letters::{Act, Content, DeadLetters, DeadLettersError, Deed, Filter, Letter, LetterSummary, Summary};

const LARGEST_PAGE: usize = 200;
const LARGEST_ACT: usize = 500;

/// Which dead letters, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeadLetterQuery {
    /// Only of this queue.
    queue: Option<String>,
    /// Only with this id, as a list shows it.
    id: Option<String>,
    /// Only this type, with or without its version, or all types that begin with these words.
    event_type: Option<String>,
    /// Only with this reason.
    reason: Option<String>,
    /// Only of this workspace.
    workspace_id: Option<Uuid>,
    /// Only those that died before this moment.
    before: Option<DateTime<Utc>>,
    /// Leaves out this many, by default none. Letters that come or go meanwhile shift the pages.
    skip: Option<usize>,
    /// 1 to 200, by default 50.
    limit: Option<usize>,
}

/// What to do to how many dead letters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeadLetterAct {
    /// Which of them.
    #[serde(default)]
    filter: Filter,
    /// All of them (of the filter's queue, if given); without this, the filter must say which.
    #[serde(default)]
    all: bool,
    /// At most this many: 1 to 500, by default 100.
    max: Option<usize>,
    /// At most this many a second: 1 to 500, by default 50.
    rate: Option<usize>,
    /// Only says what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log; needed unless it is a dry run. No names of people.
    why: Option<String>,
}

/// A page of dead letters, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterPage {
    items: Vec<LetterSummary>,
    /// Whether there are more behind these.
    more: bool,
}

/// A dead letter with what is in it.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterBody {
    #[serde(flatten)]
    summary: LetterSummary,
    #[serde(flatten)]
    content: Content,
}

/// The dead letters of one event: one for each time it died.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLettersOfEvent {
    items: Vec<DeadLetterBody>,
}

/// What an act did to which letters.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterActDone {
    #[serde(flatten)]
    summary: Summary,
    /// Letters that were replayed or dropped or, in a dry run, would be.
    items: Vec<LetterSummary>,
}

impl From<DeadLettersError> for Problem {
    fn from(error: DeadLettersError) -> Self {
        match error {
            DeadLettersError::UnknownQueue(_) => invalid("/filter/queue", &error.to_string()),
            DeadLettersError::Unfiltered => invalid("/filter", &error.to_string()),
            DeadLettersError::NotFound(_) => Self::new(ErrorCode::NotFound),
            DeadLettersError::Link(_)
            | DeadLettersError::Broker(_)
            | DeadLettersError::Timeout
            | DeadLettersError::NotTaken(_)
            | DeadLettersError::NotRemoved(_)
            | DeadLettersError::Incomplete => Self::unavailable(error),
            DeadLettersError::Audit(error) => error.into(),
            DeadLettersError::Output(error) => Self::internal(error),
        }
    }
}

fn desk<'a>(kit: &'a Kit, author: &'a Author, stop: CancellationToken) -> DeadLetters<'a> {
    DeadLetters { service: kit.identity.name, amqp_url: &kit.config.amqp.url, db: &kit.db, clock: &*kit.clock, author, stop }
}

/// Dead letters of the service, oldest first, without their data.
#[utoipa::path(
    tag = "operators",
    params(DeadLetterQuery),
    responses((status = 200, description = "A page", body = DeadLetterPage), Refusals),
    security(("bearer" = [])),
)]
#[get("/dead-letters")]
pub(super) async fn list_dead_letters(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    query: web::Query<DeadLetterQuery>,
) -> Result<HttpResponse, Problem> {
    let DeadLetterQuery { queue, id, event_type, reason, workspace_id, before, skip, limit } = query.into_inner();
    let filter = Filter { queue, id, event_type, reason, workspace: workspace_id.map(WorkspaceId::from), before };
    let (skip, limit) = (skip.unwrap_or(0), bounded(limit, 50, LARGEST_PAGE, "/limit")?);
    let author = author(&request, &operator, None, false)?;
    let page = async move |kit: Kit, stop| {
        let mut items = Vec::new();
        let mut see = |letter: &Letter| {
            items.push(letter.summary());
            Ok(())
        };
        let looked = desk(&kit, &author, stop).look(&filter, skip, limit, &mut see).await?;
        Ok(DeadLetterPage { items, more: looked.more })
    };
    answer(&kit, &operator, page).await
}

/// The dead letters with one id and their data, which may be personal: the look is audited.
#[utoipa::path(
    tag = "operators",
    params(("id" = String, Path, description = "The letter's id, as a list shows it")),
    responses(
        (status = 200, description = "The letters", body = DeadLettersOfEvent),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[get("/dead-letters/{id}")]
pub(super) async fn show_dead_letter(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let author = author(&request, &operator, Some("a look"), false)?;
    let letters = async move |kit: Kit, stop| {
        let mut items = Vec::new();
        let mut see = |letter: &Letter| {
            items.push(DeadLetterBody { summary: letter.summary(), content: letter.content() });
            Ok(())
        };
        desk(&kit, &author, stop).show(&id, None, &mut see).await?;
        Ok(DeadLettersOfEvent { items })
    };
    answer(&kit, &operator, letters).await
}

/// Sends dead letters back to the queue they failed in. What had its effect already has none again. It ends after 25
/// seconds at the latest: `remaining` and `complete` say whether to repeat the request.
#[utoipa::path(
    tag = "operators",
    request_body = DeadLetterAct,
    responses((status = 200, description = "What was done", body = DeadLetterActDone), Refusals),
    security(("bearer" = [])),
)]
#[post("/dead-letters/replay")]
pub(super) async fn replay_dead_letters(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    body: JsonBody<DeadLetterAct>,
) -> Result<HttpResponse, Problem> {
    act(&kit, &operator, &request, body.value, Deed::Replay).await
}

/// Deletes dead letters for good. It ends after 25 seconds at the latest: `remaining` and `complete` say whether to
/// repeat the request.
#[utoipa::path(
    tag = "operators",
    request_body = DeadLetterAct,
    responses((status = 200, description = "What was done", body = DeadLetterActDone), Refusals),
    security(("bearer" = [])),
)]
#[post("/dead-letters/drop")]
pub(super) async fn drop_dead_letters(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    body: JsonBody<DeadLetterAct>,
) -> Result<HttpResponse, Problem> {
    act(&kit, &operator, &request, body.value, Deed::Drop).await
}

async fn act(kit: &Kit, operator: &Operator, request: &HttpRequest, body: DeadLetterAct, deed: Deed) -> Result<HttpResponse, Problem> {
    let DeadLetterAct { filter, all, max, rate, dry_run, why } = body;
    let author = author(request, operator, why.as_deref(), !dry_run)?;
    let (max, rate) = (bounded(max, 100, LARGEST_ACT, "/max")?, bounded(rate, 50, LARGEST_ACT, "/rate")?);
    let act = Act { filter, all, max, rate: u32::try_from(rate).unwrap_or(1), dry_run };
    let done = async move |kit: Kit, stop| {
        let mut items = Vec::new();
        let mut see = |letter: &Letter| {
            items.push(letter.summary());
            Ok(())
        };
        let summary = desk(&kit, &author, stop).act(&act, deed, &mut see).await?;
        Ok(DeadLetterActDone { summary, items })
    };
    answer(kit, operator, done).await
}
