//! `/api/admin/…/outbox`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    ErrorCode,
    ids::{EventId, WorkspaceId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
use crate::outbox::{Move, Moved, OutboxDesk, OutboxDeskError, OutboxFilter, OutboxRow, Pace, RowState};

const LARGEST_PAGE: usize = 200;
/// Moving a row is one update; publishing it is the relay's work.
const LARGEST_ACT: usize = 5_000;

/// Which events, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OutboxQuery {
    /// Where they stand, by default `unpublished`.
    #[param(inline)]
    state: Option<RowState>,
    /// Only this event.
    id: Option<Uuid>,
    /// Only this type, with or without its version, or all types that begin with these words.
    event_type: Option<String>,
    /// Only of this workspace.
    workspace_id: Option<Uuid>,
    /// Only what happened before this moment.
    before: Option<DateTime<Utc>>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200, by default 50.
    limit: Option<usize>,
}

/// Which published events are to be published again.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OutboxRepublish)]
#[serde(deny_unknown_fields)]
struct Republish {
    /// What was published from this moment; needed unless the filter names one event.
    since: Option<DateTime<Utc>>,
    /// What was published before this moment, by default now. To go on, `until` of the answer before.
    until: Option<DateTime<Utc>>,
    /// Which of them.
    #[serde(default)]
    filter: OutboxFilter,
    /// At most this many: 1 to 5000, by default 1000.
    max: Option<usize>,
    /// Only says what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log; needed unless it is a dry run. No names of people.
    why: Option<String>,
}

/// Which parked events get another twenty tries.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OutboxUnpark)]
#[serde(deny_unknown_fields)]
struct Unpark {
    /// Which of them, by default all.
    #[serde(default)]
    filter: OutboxFilter,
    /// At most this many: 1 to 5000, by default 1000.
    max: Option<usize>,
    /// Only says what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log; needed unless it is a dry run. No names of people.
    why: Option<String>,
}

/// A page of events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct OutboxPage {
    items: Vec<OutboxRow>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// An event with its data.
#[derive(Debug, Serialize, ToSchema)]
struct OutboxEvent {
    #[serde(flatten)]
    row: OutboxRow,
    /// Its data.
    data: Value,
}

impl From<OutboxDeskError> for Problem {
    fn from(error: OutboxDeskError) -> Self {
        match error {
            OutboxDeskError::NotFound(_) => Self::new(ErrorCode::NotFound),
            OutboxDeskError::Database(error) => error.into(),
            OutboxDeskError::Output(error) => Self::internal(error),
        }
    }
}

fn desk<'a>(kit: &'a Kit, connection: &'a mut AsyncPgConnection, author: &'a Author, stop: CancellationToken) -> OutboxDesk<'a> {
    OutboxDesk { connection, clock: &*kit.clock, author, stop }
}

/// Events of the outbox, oldest first, without their data.
#[utoipa::path(
    tag = "operators",
    params(OutboxQuery),
    responses((status = 200, description = "A page", body = OutboxPage), Refusals),
    security(("bearer" = [])),
)]
#[get("/outbox")]
pub(super) async fn list_outbox(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    query: web::Query<OutboxQuery>,
) -> Result<HttpResponse, Problem> {
    let OutboxQuery { state, id, event_type, workspace_id, before, cursor, limit } = query.into_inner();
    let filter = OutboxFilter { id: id.map(EventId::from), event_type, workspace: workspace_id.map(WorkspaceId::from), before };
    let limit = bounded(limit, 50, LARGEST_PAGE, "/limit")?;
    let after = match cursor {
        Some(cursor) => cursor.parse().map_err(|_| Problem::new(ErrorCode::CursorInvalid))?,
        None => 0,
    };
    let author = author(&request, &operator, None, false)?;
    let page = async move |kit: Kit, stop| {
        let mut connection = kit.db.get().await?;
        let mut items = desk(&kit, &mut connection, &author, stop).list(&filter, state.unwrap_or_default(), after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| last.position.to_string());
        Ok(OutboxPage { items, next_cursor })
    };
    answer(&kit, &operator, page).await
}

/// One event with its data, which may be personal: the look is audited.
#[utoipa::path(
    tag = "operators",
    params(("id" = Uuid, Path, description = "The event's id")),
    responses(
        (status = 200, description = "The event", body = OutboxEvent),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[get("/outbox/{id}")]
pub(super) async fn show_outbox_event(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let (id, author) = (EventId::from(id.into_inner()), author(&request, &operator, Some("a look"), false)?);
    let event = async move |kit: Kit, stop| {
        let mut connection = kit.db.get().await?;
        let (row, data) = desk(&kit, &mut connection, &author, stop).show(id).await?;
        Ok(OutboxEvent { row, data })
    };
    answer(&kit, &operator, event).await
}

/// Publishes again what was published: after a broker lost its disk. Consumers do nothing about what they have.
#[utoipa::path(
    tag = "operators",
    request_body = Republish,
    responses((status = 200, description = "What was moved; the relay publishes it", body = Moved), Refusals),
    security(("bearer" = [])),
)]
#[post("/outbox/republish")]
pub(super) async fn republish_outbox(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    body: JsonBody<Republish>,
) -> Result<HttpResponse, Problem> {
    let Republish { since, until, filter, max, dry_run, why } = body.value;
    if since.is_none() && filter.id.is_none() {
        return Err(invalid("/since", "say since when, or which event"));
    }
    let author = author(&request, &operator, why.as_deref(), !dry_run)?;
    shift(&kit, &operator, author, filter, Move::Republish { since, until }, max, dry_run).await
}

/// Gives parked events another twenty tries.
#[utoipa::path(
    tag = "operators",
    request_body = Unpark,
    responses((status = 200, description = "What was moved; the relay publishes it", body = Moved), Refusals),
    security(("bearer" = [])),
)]
#[post("/outbox/unpark")]
pub(super) async fn unpark_outbox(
    kit: web::Data<Kit>,
    operator: Operator,
    request: HttpRequest,
    body: JsonBody<Unpark>,
) -> Result<HttpResponse, Problem> {
    let Unpark { filter, max, dry_run, why } = body.value;
    let author = author(&request, &operator, why.as_deref(), !dry_run)?;
    shift(&kit, &operator, author, filter, Move::Unpark, max, dry_run).await
}

async fn shift(
    kit: &Kit,
    operator: &Operator,
    author: Author,
    filter: OutboxFilter,
    which: Move,
    max: Option<usize>,
    dry_run: bool,
) -> Result<HttpResponse, Problem> {
    let pace = Pace { max: bounded(max, 1_000, LARGEST_ACT, "/max")?, rate: None, dry_run };
    let moved = async move |kit: Kit, stop| {
        let mut connection = kit.db.get().await?;
        Ok(desk(&kit, &mut connection, &author, stop).shift(&filter, which, pace).await?)
    };
    answer(kit, operator, moved).await
}
