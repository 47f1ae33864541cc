//! Orders: making one, reading it, asking the provider sooner, giving it up.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::OrderId, order::OrderState, plan::Cycle, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{JsonBody, Problem, ProblemBody, RequestId},
    idempotency::{KeyedRequest, OptionalIdempotencyKey},
    rate_limit::Limit,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    payment::{
        abandon::abandon,
        check::{Checked, request_check},
        create_order::{NewOrder, create_order},
        find,
    },
    store::order::Order,
};

const PER_MINUTE: Limit = Limit { name: "initiate_minute", burst: 5, per_s: 60 };
const PER_HOUR: Limit = Limit { name: "initiate_hour", burst: 50, per_s: 3600 };

/// What to order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InitiateBody {
    /// A plan of the price list.
    #[schema(example = "ascent")]
    plan: String,
    /// `monthly` or `yearly`.
    #[schema(example = "monthly")]
    cycle: String,
    /// Renew by a UPI mandate, for a monthly plan.
    #[serde(default)]
    autopay: bool,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct OrderBody {
    order_id: Uuid,
    #[schema(example = "ascent")]
    plan: &'static str,
    #[schema(example = "monthly")]
    cycle: &'static str,
    /// In paise, GST included.
    #[schema(example = 500_000)]
    amount: i64,
    #[schema(example = "INR")]
    currency: &'static str,
    /// Whether paying it approves a mandate, or a mandate pays it.
    autopay: bool,
    /// `created`, `pending`, `completed`, `failed`, `expired`, `refund_pending`, `refunded`, `partially_refunded` or
    /// `quarantined`; more may come.
    #[schema(example = "pending")]
    state: &'static str,
    /// Where to pay; absent while it is not known and once the order can no longer be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_url: Option<String>,
    /// Why it was not paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// When it can no longer be paid.
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
}

impl From<&Order> for OrderBody {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id.as_uuid(),
            plan: order.plan.as_str(),
            cycle: order.cycle.as_str(),
            amount: order.price.amount.get(),
            currency: order.price.currency.as_str(),
            autopay: order.mandate.is_some(),
            state: order.state.as_str(),
            redirect_url: order.redirect_url.clone().filter(|_| order.state.is_open()),
            failure: order.failure_code.clone(),
            expires_at: order.expires_at,
            created_at: order.created_at,
            completed_at: order.completed_at,
        }
    }
}

fn answer(status: StatusCode, order: &Order) -> HttpResponse {
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(OrderBody::from(order))
}

/// The order named by the path, for a member of its workspace.
pub(super) async fn order_of(app: &App, member: &Member, id: &str) -> Result<Order, Problem> {
    let found = match id.parse() {
        Ok(id) => find::order(&app.kit.db, &member.claims, member.workspace, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| Problem::new(ErrorCode::OrderNotFound))
}

fn order_id(id: &str) -> Result<OrderId, Problem> {
    id.parse().map_err(|_| Problem::new(ErrorCode::OrderNotFound))
}

/// Orders a plan for the workspace, or gives back the open order of the same plan and cycle.
#[utoipa::path(
    tag = "orders",
    security(("bearer" = [])),
    params(
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the oldest one when absent"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters; a repeat gets the present state of the same order"),
    ),
    request_body = InitiateBody,
    responses(
        (status = 201, description = "A new order to pay at `redirect_url`", body = OrderBody),
        (status = 200, description = "The order that was open already, or that the key made", body = OrderBody),
        (status = 400, description = "Not JSON, or a malformed header", body = ProblemBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins order", body = ProblemBody),
        (status = 404, description = "Not a workspace of the user", body = ProblemBody),
        (status = 409, description = "Another order is open, or the period is paid", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "Unknown plan or cycle, or the key was used for another request", body = ProblemBody),
        (status = 429, description = "Too many orders", body = ProblemBody),
        (status = 502, description = "The provider refused; nothing was charged", body = ProblemBody),
        (status = 503, description = "The provider or a dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/initiate")]
pub(super) async fn initiate_order(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    key: OptionalIdempotencyKey,
    body: JsonBody<InitiateBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    let user = member.user().to_string();
    let decision = app.kit.limits.take(PER_MINUTE, &user).await.or_refuse()?;
    app.kit.limits.take(PER_HOUR, &user).await.or_refuse()?;
    let (plan, cycle) = super::plans::chosen(&body.plan, &body.cycle)?;
    if body.autopay && cycle != Cycle::Monthly {
        return Err(Problem::new(ErrorCode::AutopayUnavailable).detail("a mandate pays by the month; a year is one payment"));
    }
    let route = format!("POST /api/payments/v2/initiate {}", member.workspace);
    let order = NewOrder {
        workspace: member.workspace,
        plan,
        cycle,
        autopay: body.autopay,
        request_id: RequestId::of(&request),
        keyed: key.0.map(|key| KeyedRequest::new(member.user(), &route, key, &body.bytes)),
        claims: member.claims,
    };
    let app = app.into_inner();
    let working = app.clone();
    let ordered = app.kit.lifecycle.detached(async move { create_order(&working, &order).await }).await??;
    let status = if ordered.new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = answer(status, &ordered.order);
    for (name, value) in decision.headers() {
        if let (Ok(name), Ok(value)) = (name.parse::<actix_web::http::header::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Where the order stands. `pending` is pending: only `completed` is paid.
#[utoipa::path(
    tag = "orders",
    security(("bearer" = [])),
    params(("order_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 404, description = "No such order in the workspace", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/status/{order_id}")]
pub(super) async fn order_status(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    Ok(answer(StatusCode::OK, &order_of(&app, &member, &id).await?))
}

/// Asks the provider about the order now, at most once in five seconds.
#[utoipa::path(
    tag = "orders",
    security(("bearer" = [])),
    params(("order_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 202, description = "The provider is asked now", body = OrderBody),
        (status = 200, description = "There is nothing left to ask", body = OrderBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 404, description = "No such order in the workspace", body = ProblemBody),
        (status = 429, description = "Checked a moment ago, or younger than 20 s", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/orders/{order_id}/check")]
pub(super) async fn check_order(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = order_id(&id)?;
    let app = app.into_inner();
    let working = app.clone();
    let checked = app.kit.lifecycle.detached(async move { request_check(&working, &member.claims, member.workspace, id).await }).await??;
    match checked {
        Checked::Scheduled(order) => Ok(answer(StatusCode::ACCEPTED, &order)),
        Checked::Settled(order) => Ok(answer(StatusCode::OK, &order)),
        Checked::TooSoon { retry_after_s } => Err(Problem::new(ErrorCode::CheckTooSoon).retry_after(retry_after_s)),
        Checked::NotFound => Err(Problem::new(ErrorCode::OrderNotFound)),
    }
}

/// Gives the open order up, so that another can be made. If it is paid after all, that is found out and honoured.
#[utoipa::path(
    tag = "orders",
    security(("bearer" = [])),
    params(("order_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The order, now expired", body = OrderBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "No such order in the workspace", body = ProblemBody),
        (status = 409, description = "The order is not open", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/orders/{order_id}/abandon")]
pub(super) async fn abandon_order(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, request_id) = (order_id(&id)?, RequestId::of(&request));
    let app = app.into_inner();
    let working = app.clone();
    let order = app
        .kit
        .lifecycle
        .detached(async move { abandon(&working, &member.claims, member.workspace, id, request_id.as_deref()).await })
        .await??;
    Ok(answer(StatusCode::OK, &order))
}

/// Whether a reader of the order has nothing left to wait for.
pub(super) fn is_final(order: &Order) -> bool {
    order.state.is_settled() || order.state == OrderState::RefundPending
}
