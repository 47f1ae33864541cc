//! `/api/admin/payments/orders`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::OrderId};
use messaging::admin::{Refusals, answer, author};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Operator,
    http::{FieldError, JsonBody, Problem, ProblemBody},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Shared, id, shared};
use crate::{
    payment::{
        confirm::Outcome,
        operate::{self, Decision},
    },
    store::{attempt::Attempt, order::Order},
};

/// An order with its attempts, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
struct OperatedOrder {
    order_id: Uuid,
    workspace_id: Uuid,
    plan: &'static str,
    cycle: &'static str,
    /// In paise.
    amount: i64,
    state: &'static str,
    failure: Option<String>,
    /// PhonePe's id of the attempt that was paid.
    provider_reference: Option<String>,
    /// When PhonePe is asked next.
    next_check_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    attempts: Vec<OperatedAttempt>,
}

/// One call of PhonePe's pay endpoint.
#[derive(Debug, Serialize, ToSchema)]
struct OperatedAttempt {
    /// `<order>-<n>`, as PhonePe knows it.
    merchant_order_id: String,
    state: &'static str,
    provider_order_id: Option<String>,
}

impl OperatedOrder {
    fn of(order: &Order, attempts: &[Attempt]) -> Self {
        Self {
            order_id: order.id.as_uuid(),
            workspace_id: order.workspace.as_uuid(),
            plan: order.plan.as_str(),
            cycle: order.cycle.as_str(),
            amount: order.price.amount.get(),
            state: order.state.as_str(),
            failure: order.failure_code.clone(),
            provider_reference: order.provider_reference.clone(),
            next_check_at: order.next_check_at,
            created_at: order.created_at,
            completed_at: order.completed_at,
            attempts: attempts
                .iter()
                .map(|attempt| OperatedAttempt {
                    merchant_order_id: attempt.id.to_string(),
                    state: attempt.state.as_str(),
                    provider_order_id: attempt.provider_order_id.clone(),
                })
                .collect(),
        }
    }
}

/// Whether only to ask.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OrderReconcile)]
#[serde(deny_unknown_fields)]
struct Reconcile {
    /// Only says what PhonePe says.
    #[serde(default)]
    dry_run: bool,
}

/// What PhonePe said of each attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderReconciled)]
struct Reconciled {
    attempts: Vec<Said>,
}

/// What PhonePe said of an attempt, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttemptSaid)]
struct Said {
    merchant_order_id: String,
    /// PhonePe's state; absent where it does not know the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_state: Option<String>,
    /// `unchanged`, `completed`, `failed`, `expired`, `quarantined` or `repaid`; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

/// What is decided about a quarantined order.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OrderFix)]
#[serde(deny_unknown_fields)]
struct Fix {
    /// `paid`: the payment is taken, if PhonePe says now that the order's amount was paid. `unpaid`: the order has failed.
    #[serde(rename = "as")]
    #[schema(example = "paid")]
    decision: String,
    /// Only says what would become of the order.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log; needed unless it is a dry run. No names of people.
    why: Option<String>,
}

/// What became of the order, or would.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderFixed)]
struct Fixed {
    state: &'static str,
    dry_run: bool,
}

/// An order of any workspace.
#[utoipa::path(
    tag = "operators",
    params(("order_id" = String, Path)),
    responses(
        (status = 200, description = "The order", body = OperatedOrder),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[get("/api/admin/payments/orders/{order_id}")]
pub(super) async fn show_order(app: Shared, operator: Operator, order: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (app, order) = (shared(app), id::<OrderId>(&order, ErrorCode::OrderNotFound)?);
    let kit = app.kit.clone();
    let found = async move |_, _| {
        let (order, attempts) = operate::find(&app, order).await?;
        Ok(OperatedOrder::of(&order, &attempts))
    };
    answer(&kit, &operator, found).await
}

/// Asks PhonePe about every attempt at the order now, and applies what it says.
#[utoipa::path(
    tag = "operators",
    params(("order_id" = String, Path)),
    request_body = Reconcile,
    responses(
        (status = 200, description = "What PhonePe said", body = Reconciled),
        (status = 404, description = "There is no such order", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[post("/api/admin/payments/orders/{order_id}/reconcile")]
pub(super) async fn reconcile_order(
    app: Shared,
    operator: Operator,
    order: web::Path<String>,
    body: JsonBody<Reconcile>,
) -> Result<HttpResponse, Problem> {
    let (app, order, dry_run) = (shared(app), id::<OrderId>(&order, ErrorCode::OrderNotFound)?, body.dry_run);
    let kit = app.kit.clone();
    let reconciled = async move |_, _| {
        let reconciled = operate::reconcile(&app, order, dry_run).await?;
        let said = reconciled.into_iter().map(|reconciled| Said {
            merchant_order_id: reconciled.attempt.to_string(),
            provider_state: reconciled.status.map(|status| status.state.as_str().to_owned()),
            outcome: reconciled.outcome.map(Outcome::as_str),
        });
        Ok(Reconciled { attempts: said.collect() })
    };
    answer(&kit, &operator, reconciled).await
}

/// Decides about an order that is quarantined.
#[utoipa::path(
    tag = "operators",
    params(("order_id" = String, Path)),
    request_body = Fix,
    responses(
        (status = 200, description = "What became of it", body = Fixed),
        (status = 404, description = "There is no such order", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not quarantined, or not paid", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[post("/api/admin/payments/orders/{order_id}/fix")]
pub(super) async fn fix_order(
    app: Shared,
    operator: Operator,
    request: HttpRequest,
    order: web::Path<String>,
    body: JsonBody<Fix>,
) -> Result<HttpResponse, Problem> {
    let (app, order) = (shared(app), id::<OrderId>(&order, ErrorCode::OrderNotFound)?);
    let Fix { decision, dry_run, why } = body.value;
    let decision = match decision.as_str() {
        "paid" => Decision::Accept,
        "unpaid" => Decision::Reject,
        _ => {
            let error = FieldError { pointer: "/as".into(), code: "unknown".into(), message: "neither paid nor unpaid".into() };
            return Err(Problem::new(ErrorCode::ValidationFailed).errors(vec![error]));
        }
    };
    let author = author(&request, &operator, why.as_deref(), !dry_run)?;
    let kit = app.kit.clone();
    let fixed = async move |_, _| {
        let state = operate::decide(&app, order, decision, &author, dry_run).await?;
        Ok(Fixed { state: state.as_str(), dry_run })
    };
    answer(&kit, &operator, fixed).await
}
