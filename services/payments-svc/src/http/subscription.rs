//! `/api/payments/v2/subscription`: reading it, canceling, keeping, choosing the next plan, and trials.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use chrono::{DateTime, Utc};
use domain::{
    ErrorCode,
    plan::{Cycle, PlanCode},
};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{FieldError, JsonBody, Problem, ProblemBody, RequestId},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    store::subscription::Subscription,
    subscription::act::{self, Act},
};

/// A subscription as it stands.
#[derive(Debug, Serialize, ToSchema)]
struct SubscriptionBody {
    subscription_id: Uuid,
    /// The plan of the present period.
    #[schema(example = "ascent")]
    plan: &'static str,
    #[schema(example = "monthly")]
    cycle: &'static str,
    /// `trialing`, `active`, `past_due`, `paused`, `canceled` or `expired`; more may come.
    #[schema(example = "active")]
    status: &'static str,
    /// Whether the workspace may use what it pays for.
    entitled: bool,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
    /// When access ends without a payment, while `past_due`.
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_end: Option<DateTime<Utc>>,
    /// What follows the present period, if it was chosen or paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextBody>,
    /// Whether a mandate pays the next period.
    autopay: bool,
    /// Whether an order can be made now: for what is due or, near the end, for the next period.
    payable: bool,
}

/// What follows the present period.
#[derive(Debug, Serialize, ToSchema)]
struct NextBody {
    #[schema(example = "glide")]
    plan: &'static str,
    #[schema(example = "yearly")]
    cycle: &'static str,
    /// Whether it is paid already.
    paid: bool,
}

impl SubscriptionBody {
    fn of(subscription: &Subscription, now: DateTime<Utc>) -> Self {
        let term = &subscription.term;
        Self {
            subscription_id: subscription.id.as_uuid(),
            plan: term.plan.as_str(),
            cycle: term.cycle.as_str(),
            status: term.status.as_str(),
            entitled: term.status.entitled(now, term.period_end, term.grace_end),
            period_start: term.period_start,
            period_end: term.period_end,
            grace_end: term.grace_end,
            next: term.next.map(|next| NextBody { plan: next.plan.as_str(), cycle: next.cycle.as_str(), paid: next.paid }),
            autopay: term.debited(),
            payable: term.payable(now),
        }
    }
}

/// When a cancellation comes into force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    /// `period_end`: with the end of what is paid. `now`: at once, without money back.
    #[schema(example = "period_end")]
    at: String,
}

/// The plan that follows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NextPlanBody {
    #[schema(example = "glide")]
    plan: String,
    /// `monthly` or `yearly`.
    #[schema(example = "monthly")]
    cycle: String,
}

/// What is tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrialBody {
    #[schema(example = "glide")]
    plan: String,
}

fn unknown(pointer: &str, message: &str) -> FieldError {
    FieldError { pointer: pointer.into(), code: "unknown".into(), message: message.into() }
}

fn answer(app: &App, status: StatusCode, subscription: &Subscription) -> HttpResponse {
    let body = SubscriptionBody::of(subscription, app.kit.clock.now());
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(body)
}

async fn done(request: HttpRequest, app: web::Data<App>, member: Member, act: Act) -> Result<HttpResponse, Problem> {
    let (app, request_id) = (app.into_inner(), RequestId::of(&request));
    let working = app.clone();
    let subscription = app
        .kit
        .lifecycle
        .detached(async move { act::by_member(&working, &member.claims, member.workspace, act, request_id.as_deref()).await })
        .await??;
    Ok(answer(&app, StatusCode::OK, &subscription))
}

/// The workspace's subscription.
#[utoipa::path(
    tag = "subscription",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The subscription", body = SubscriptionBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 404, description = "The workspace never had one, or is not the user's", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/subscription")]
pub(super) async fn get_subscription(app: web::Data<App>, member: Member) -> Result<HttpResponse, Problem> {
    let found = act::find(&app, &member.claims, member.workspace).await?;
    Ok(answer(&app, StatusCode::OK, &found.ok_or_else(|| Problem::new(ErrorCode::SubscriptionNotFound))?))
}

/// Cancels it, at the end of what is paid or now.
#[utoipa::path(
    tag = "subscription",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    request_body = CancelBody,
    responses(
        (status = 200, description = "The subscription, canceled", body = SubscriptionBody),
        (status = 400, description = "Not JSON, or a malformed header", body = ProblemBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "The workspace never had one, or is not the user's", body = ProblemBody),
        (status = 409, description = "It is canceled or over", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "Neither `period_end` nor `now`", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/subscription/cancel")]
pub(super) async fn cancel_subscription(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    body: JsonBody<CancelBody>,
) -> Result<HttpResponse, Problem> {
    let at_once = match body.at.as_str() {
        "now" => true,
        "period_end" => false,
        _ => return Err(Problem::new(ErrorCode::ValidationFailed).errors(vec![unknown("/at", "neither period_end nor now")])),
    };
    done(request, app, member, Act::Cancel { at_once }).await
}

/// Takes a cancellation back before it comes into force.
#[utoipa::path(
    tag = "subscription",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The subscription, active again", body = SubscriptionBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "The workspace never had one, or is not the user's", body = ProblemBody),
        (status = 409, description = "It is not canceled, or over", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/subscription/keep")]
pub(super) async fn keep_subscription(request: HttpRequest, app: web::Data<App>, member: Member) -> Result<HttpResponse, Problem> {
    done(request, app, member, Act::Keep).await
}

/// Chooses what follows the present period. The present plan again takes the choice back.
#[utoipa::path(
    tag = "subscription",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    request_body = NextPlanBody,
    responses(
        (status = 200, description = "The subscription, with what follows", body = SubscriptionBody),
        (status = 400, description = "Not JSON, or a malformed header", body = ProblemBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "The workspace never had one, or is not the user's", body = ProblemBody),
        (status = 409, description = "It is canceled or over, or the next period is paid", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "Unknown plan or cycle", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/subscription/plan")]
pub(super) async fn choose_plan(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    body: JsonBody<NextPlanBody>,
) -> Result<HttpResponse, Problem> {
    let (plan, cycle) = super::plans::chosen(&body.plan, &body.cycle)?;
    done(request, app, member, Act::Choose { plan, cycle }).await
}

/// Starts a trial, where one is offered, for a workspace that never had a subscription.
#[utoipa::path(
    tag = "subscription",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    request_body = TrialBody,
    responses(
        (status = 201, description = "The subscription, trialing", body = SubscriptionBody),
        (status = 400, description = "Not JSON, or a malformed header", body = ProblemBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "Not a workspace of the user", body = ProblemBody),
        (status = 409, description = "No trial is offered, or the workspace had a subscription", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "Unknown plan", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/subscription/trial")]
pub(super) async fn start_trial(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    body: JsonBody<TrialBody>,
) -> Result<HttpResponse, Problem> {
    let (plan, _): (PlanCode, Cycle) = super::plans::chosen(&body.plan, Cycle::Monthly.as_str())?;
    let (app, request_id) = (app.into_inner(), RequestId::of(&request));
    let working = app.clone();
    let trial = app
        .kit
        .lifecycle
        .detached(async move { act::start_trial(&working, &member.claims, member.workspace, plan, request_id.as_deref()).await })
        .await??;
    Ok(answer(&app, StatusCode::CREATED, &trial))
}
