//! Ordering a plan: the order is stored first, then the provider is called, then the outcome is stored.

use std::time::Duration;

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{MandateId, OrderId, WorkspaceId},
    mandate::MandateState,
    order::OrderState,
    plan::{Cycle, PlanCode, price},
    role::Role,
};
use messaging::trace::TraceContext;
use serde_json::json;
use service_kit::{
    audit,
    auth::{AuthoriseError, Claims, authorise},
    db::DbError,
    idempotency::{self, IdempotencyError, KeyedRequest, Seen},
};

use super::{
    StoreError, find, schedule,
    submit::{LARGEST_DEBIT, PAYABLE_FOR_S, submit},
};
use crate::{
    app::App,
    phonepe::PayOutcome,
    store::{
        attempt,
        mandate::{self, Mandate},
        order::{self, Order, OrderKind},
        subscription,
    },
};

/// A repeat of a request that is still running waits this long for its outcome.
const WAIT_FOR_OUTCOME: Duration = Duration::from_secs(5);

/// A request to order.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Who orders.
    pub claims: Claims,
    /// For which workspace.
    pub workspace: WorkspaceId,
    /// Which plan.
    pub plan: PlanCode,
    /// For how long.
    pub cycle: Cycle,
    /// Whether a mandate is to be approved with it.
    pub autopay: bool,
    /// The request's id, for the audit log.
    pub request_id: Option<String>,
    /// Its idempotency key, if it has one.
    pub keyed: Option<KeyedRequest>,
}

/// An order to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The order.
    pub order: Order,
    /// Whether this request made it.
    pub new: bool,
}

/// Why there is no order to pay.
#[derive(Debug, thiserror::Error)]
pub enum CreateOrderError {
    /// The user may not order for the workspace.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The idempotency key does not fit.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The running period is paid.
    #[error("the running period is paid")]
    AlreadySubscribed,
    /// Another plan or cycle waits to be paid.
    #[error("another order is open")]
    OtherOpen(Box<Order>),
    /// The provider gave no clear answer; the order is kept and followed up.
    #[error("the provider gave no clear answer")]
    ProviderUnavailable(Box<Order>),
    /// The provider refused; the order has failed.
    #[error("the provider refused the order")]
    ProviderRefused(Box<Order>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CreateOrderError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DbError> for CreateOrderError {
    fn from(error: DbError) -> Self {
        Self::Store(error.into())
    }
}

/// Makes an order, or gives back the open one of the same plan and cycle.
pub async fn create_order(app: &App, request: &NewOrder) -> Result<Ordered, CreateOrderError> {
    let stored = store(app, request).await?;
    if !stored.new {
        let order = settled_submission(app, request, stored.order).await?;
        return Ok(Ordered { order, new: false });
    }
    let outcome = submit(app, &app.kit.db, &stored.order, 1).await?;
    let order = reload(app, request, stored.order).await?;
    match outcome {
        PayOutcome::Accepted(_) => Ok(Ordered { order, new: true }),
        PayOutcome::Ambiguous { .. } => Err(CreateOrderError::ProviderUnavailable(Box::new(order))),
        PayOutcome::Refused { .. } => Err(CreateOrderError::ProviderRefused(Box::new(order))),
    }
}

async fn store(app: &App, request: &NewOrder) -> Result<Ordered, CreateOrderError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, request.workspace, request.claims.user, Role::Admin).await?;
            if let Some(keyed) = &request.keyed
                && let Seen::Before(resource) = idempotency::claim(connection, keyed, now).await?
            {
                let id: Option<OrderId> = resource.parse().ok();
                let order = match id {
                    Some(id) => order::find(connection, request.workspace, id).await?,
                    None => None,
                };
                let order = order.ok_or(diesel::result::Error::NotFound)?;
                return Ok(Ordered { order, new: false });
            }
            let ordered = insert_or_find(connection, now, app, request).await?;
            if let Some(keyed) = &request.keyed {
                idempotency::remember(connection, keyed, &ordered.order.id.to_string()).await?;
            }
            Ok(ordered)
        })
        .await
}

async fn insert_or_find(
    connection: &mut AsyncPgConnection,
    now: chrono::DateTime<chrono::Utc>,
    app: &App,
    request: &NewOrder,
) -> Result<Ordered, CreateOrderError> {
    let known = subscription::find(connection, request.workspace).await?;
    if known.is_some_and(|known| !known.term.payable(now)) {
        return Err(CreateOrderError::AlreadySubscribed);
    }
    let expires_at = now + TimeDelta::seconds(i64::from(PAYABLE_FOR_S));
    let order = Order {
        id: OrderId::generate(),
        workspace: request.workspace,
        user: request.claims.user,
        plan: request.plan,
        cycle: request.cycle,
        price: price(request.plan, request.cycle),
        state: OrderState::Created,
        redirect_url: None,
        expires_at,
        next_check_at: schedule::next_check(now, expires_at, now),
        last_checked_at: None,
        completed_at: None,
        failure_code: None,
        provider_reference: None,
        payer_email: request.claims.email().map(str::to_owned),
        traceparent: TraceContext::current().map(|trace| trace.traceparent),
        kind: if request.autopay { OrderKind::Setup } else { OrderKind::Checkout },
        mandate: request.autopay.then(MandateId::generate),
        created_at: now,
    };
    if order::insert(connection, &order).await? {
        attempt::insert(connection, now, order.id, 1).await?;
        if let Some(id) = order.mandate {
            let mandate = Mandate {
                id,
                workspace: order.workspace,
                user: order.user,
                state: MandateState::Pending,
                merchant_subscription_id: None,
                api: app.config.phonepe.autopay_api,
                max_amount: LARGEST_DEBIT,
                cancel_wanted: false,
            };
            mandate::insert(connection, now, &mandate).await?;
        }
        let entry = audit::Entry {
            workspace: Some(order.workspace),
            actor: Some(order.user),
            action: "order.initiate",
            resource: &format!("order/{}", order.id),
            outcome: "intended",
            request_id: request.request_id.as_deref(),
            detail: json!({ "plan": order.plan, "cycle": order.cycle, "amount": order.price.amount, "mandate": order.mandate }),
        };
        audit::record(connection, now, &entry).await?;
        return Ok(Ordered { order, new: true });
    }
    // The insert met an open order. If that was settled since, asking again makes a new one.
    let open = order::find_open(connection, request.workspace).await?.ok_or(IdempotencyError::InFlight)?;
    if (open.plan, open.cycle, open.kind == OrderKind::Setup) == (request.plan, request.cycle, request.autopay) {
        Ok(Ordered { order: open, new: false })
    } else {
        Err(CreateOrderError::OtherOpen(Box::new(open)))
    }
}

/// Waits while another request is calling the provider for the same order.
async fn settled_submission(app: &App, request: &NewOrder, mut order: Order) -> Result<Order, CreateOrderError> {
    let deadline = tokio::time::Instant::now() + WAIT_FOR_OUTCOME;
    while order.state == OrderState::Created && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        order = reload(app, request, order).await?;
    }
    Ok(order)
}

async fn reload(app: &App, request: &NewOrder, order: Order) -> Result<Order, CreateOrderError> {
    Ok(find::order(&app.kit.db, &request.claims, request.workspace, order.id).await?.unwrap_or(order))
}
