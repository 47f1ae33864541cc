//! `/api/admin/payments/refunds`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use domain::{
    ErrorCode,
    ids::{OrderId, RefundId},
    money::Paise,
};
use messaging::admin::{Refusals, answer, author};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Operator,
    http::{FieldError, JsonBody, Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Shared, id, shared};
use crate::{
    payment::refund::{self, RefundError, Wanted},
    phonepe::MerchantOrderId,
    store::refund::{self as store, Refund},
};

/// The most that one answer lists.
const LARGEST_PAGE: i64 = 200;

/// Which refunds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RefundsQuery {
    /// Only of this order.
    order_id: Option<Uuid>,
    /// Only those that have not ended.
    #[serde(default)]
    open: bool,
}

/// What is to be given back.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RefundCreate)]
#[serde(deny_unknown_fields)]
struct Create {
    order_id: Uuid,
    /// How much, in paise; without it, all that is left.
    #[schema(example = 100_000, minimum = 100)]
    amount: Option<i64>,
    /// The attempt whose payment it is, as `<order>-<n>`, for an order that was paid twice.
    attempt: Option<String>,
    /// Only says what would be given back.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the audit log; needed unless it is a dry run. No names of people.
    why: Option<String>,
}

/// A refund as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefundBody)]
struct Body {
    /// Absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<Uuid>,
    workspace_id: Uuid,
    order_id: Uuid,
    /// The attempt whose payment is given back.
    merchant_order_id: String,
    /// In paise.
    amount: i64,
    /// `created`, `ambiguous`, `pending`, `confirmed`, `completed` or `failed`.
    #[schema(example = "pending")]
    state: &'static str,
    reason: String,
    /// PhonePe's id.
    provider_refund_id: Option<String>,
    failure: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Refunds, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RefundList)]
struct List {
    /// At most 200.
    refunds: Vec<Body>,
}

impl Body {
    fn of(refund: &Refund, exists: bool) -> Self {
        Self {
            refund_id: exists.then(|| refund.id.as_uuid()),
            workspace_id: refund.workspace.as_uuid(),
            order_id: refund.order.as_uuid(),
            merchant_order_id: refund.attempt.to_string(),
            amount: refund.amount.get(),
            state: refund.state.as_str(),
            reason: refund.reason.clone(),
            provider_refund_id: refund.provider_refund_id.clone(),
            failure: refund.failure_code.clone(),
            created_at: refund.created_at,
            updated_at: refund.updated_at,
        }
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        let detail = error.to_string();
        match error {
            RefundError::OrderNotFound => Self::new(ErrorCode::OrderNotFound),
            RefundError::NotRefundable(_) => Self::new(ErrorCode::OrderNotRefundable).detail(detail),
            RefundError::AmountOutOfRange { left } => Self::new(ErrorCode::RefundTooLarge).detail(detail).member("left", left.get()),
            RefundError::Open(open) => Self::new(ErrorCode::RefundOpen).detail(detail).member("refund_id", open.id.to_string()),
            RefundError::Store(error) => error.into(),
        }
    }
}

/// Refunds of an order or of all, the newest first.
#[utoipa::path(
    tag = "operators",
    params(RefundsQuery),
    responses((status = 200, description = "The refunds", body = List), Refusals),
    security(("bearer" = [])),
)]
#[get("/api/admin/payments/refunds")]
pub(super) async fn list_refunds(app: Shared, operator: Operator, query: web::Query<RefundsQuery>) -> Result<HttpResponse, Problem> {
    let RefundsQuery { order_id, open } = query.into_inner();
    let app = shared(app);
    let kit = app.kit.clone();
    let listed = async move |_, _| {
        let mut connection = app.kit.worker_db.get().await?;
        let refunds = store::list(&mut connection, order_id.map(OrderId::from), open, LARGEST_PAGE).await?;
        Ok(List { refunds: refunds.iter().map(|refund| Body::of(refund, true)).collect() })
    };
    answer(&kit, &operator, listed).await
}

/// Gives the payment of an order back, or a part of it. It is sent within a second; a look at the refund says how it went.
#[utoipa::path(
    tag = "operators",
    request_body = Create,
    responses(
        (status = 200, description = "The refund, or in a dry run what it would be", body = Body),
        (status = 404, description = "There is no such order", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing to give back, or another refund is open", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[post("/api/admin/payments/refunds")]
pub(super) async fn create_refund(
    app: Shared,
    operator: Operator,
    request: HttpRequest,
    body: JsonBody<Create>,
) -> Result<HttpResponse, Problem> {
    let Create { order_id, amount, attempt, dry_run, why } = body.value;
    let attempt = match attempt {
        Some(text) => Some(MerchantOrderId::parse(&text).ok_or_else(|| {
            let message = "an attempt's id is the order's id, a dash and a number".to_owned();
            Problem::new(ErrorCode::ValidationFailed).errors(vec![FieldError {
                pointer: "/attempt".into(),
                code: "invalid".into(),
                message,
            }])
        })?),
        None => None,
    };
    let author = author(&request, &operator, why.as_deref(), !dry_run)?;
    let wanted = Wanted { order: order_id.into(), attempt, amount: amount.map(Paise::new) };
    let why = why.map_or_else(|| "a dry run".to_owned(), |why| why.trim().to_owned());
    let app = shared(app);
    let kit = app.kit.clone();
    let created = async move |_, _| {
        let refund = refund::create(&app, &wanted, &author, &why, dry_run).await?;
        Ok(Body::of(&refund, !dry_run))
    };
    answer(&kit, &operator, created).await
}

/// One refund.
#[utoipa::path(
    tag = "operators",
    params(("refund_id" = String, Path)),
    responses(
        (status = 200, description = "The refund", body = Body),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("bearer" = [])),
)]
#[get("/api/admin/payments/refunds/{refund_id}")]
pub(super) async fn show_refund(app: Shared, operator: Operator, refund: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (app, refund) = (shared(app), id::<RefundId>(&refund, ErrorCode::RefundNotFound)?);
    let kit = app.kit.clone();
    let found = async move |_, _| {
        let mut connection = app.kit.worker_db.get().await?;
        let refund = store::find(&mut connection, refund).await?;
        Ok(Body::of(&refund.ok_or_else(|| Problem::new(ErrorCode::RefundNotFound))?, true))
    };
    answer(&kit, &operator, found).await
}
