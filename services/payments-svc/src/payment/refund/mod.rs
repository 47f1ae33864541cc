//! Giving money back: a refund is stored under the order's lock, then sent and asked about by the [`worker`].

pub mod settle;
pub mod worker;

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{OrderId, RefundId},
    money::Paise,
    order::{OrderEvent, OrderState},
    refund::RefundState,
};
use serde_json::json;
use service_kit::audit::{self, Author};

use super::StoreError;
use crate::{
    app::App,
    phonepe::MerchantOrderId,
    store::{
        attempt::{self, Attempt, AttemptState},
        ledger::{self, Cause, Posting},
        order::{self, Change, Order},
        refund::{self, Refund},
    },
};

/// The least that PhonePe gives back.
const LEAST: Paise = Paise::new(100);
/// The longest reason.
pub const MAX_REASON: usize = 500;

/// What is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The order.
    pub order: OrderId,
    /// The attempt whose payment it is; without one, the attempt that paid the order.
    pub attempt: Option<MerchantOrderId>,
    /// How much; without it, all that is left.
    pub amount: Option<Paise>,
}

/// Why a refund is not made.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// No such order.
    #[error("there is no such order")]
    OrderNotFound,
    /// Nothing was paid, or nothing by this attempt.
    #[error("an order that is {0} has no payment to give back here")]
    NotRefundable(OrderState),
    /// Less than PhonePe gives back, or more than is left.
    #[error("the amount must be between {LEAST} and {left} rupees: that is what is left of the payment")]
    AmountOutOfRange {
        /// What can still be given back.
        left: Paise,
    },
    /// Another refund of the order is open.
    #[error("the refund {} of this order is open: wait for its end", .0.id)]
    Open(Box<Refund>),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for RefundError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a refund in an operator's name. With `dry_run` it only says which it would be.
///
/// # Errors
/// [`RefundError`]; nothing has happened then.
pub async fn create(app: &App, wanted: &Wanted, author: &Author, reason: &str, dry_run: bool) -> Result<Refund, RefundError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await.map_err(StoreError::from)?;
    let refund = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let order = order::lock(connection, wanted.order).await?.ok_or(RefundError::OrderNotFound)?;
            let refund = plan(connection, now, &order, wanted, reason).await?;
            if !dry_run {
                store(connection, now, &order, &refund, author).await?;
            }
            Ok::<_, RefundError>(refund)
        })
        .await?;
    drop(connection);
    if !dry_run {
        app.refunds_due.notify_one();
    }
    Ok(refund)
}

/// The refund that is wanted of an order that is locked.
async fn plan(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    wanted: &Wanted,
    reason: &str,
) -> Result<Refund, RefundError> {
    if let Some(open) = refund::list(connection, Some(order.id), true, 1).await?.pop() {
        return Err(RefundError::Open(Box::new(open)));
    }
    let attempts = attempt::of_order(connection, order.id).await?;
    let chosen = |attempt: &&Attempt| match &wanted.attempt {
        Some(id) => attempt.id == *id,
        None => paid_order(order, attempt),
    };
    let paid = attempts.iter().find(chosen).filter(|attempt| attempt.state == AttemptState::Completed);
    let attempt = paid.ok_or(RefundError::NotRefundable(order.state))?;
    let movable = order.state == OrderState::RefundPending || order.state.apply(OrderEvent::RefundRequested).is_ok();
    if paid_order(order, attempt) && !movable {
        return Err(RefundError::NotRefundable(order.state));
    }
    let back = refund::given_back(connection, &attempt.id).await?;
    let left = Paise::new(order.price.amount.get() - back.completed - back.open);
    let amount = wanted.amount.unwrap_or(left);
    if amount < LEAST || amount > left {
        return Err(RefundError::AmountOutOfRange { left });
    }
    Ok(new(now, order, attempt, amount, reason))
}

/// Whether the order was paid by this attempt: any other that was paid as well is an excess, whose refund leaves the order alone.
fn paid_order(order: &Order, attempt: &Attempt) -> bool {
    attempt.provider_order_id.is_some() && attempt.provider_order_id == order.provider_reference
}

/// Whether the refund is of the payment that paid the order.
async fn is_of_order(connection: &mut AsyncPgConnection, order: &Order, refund: &Refund) -> Result<bool, StoreError> {
    let attempts = attempt::of_order(connection, order.id).await?;
    Ok(attempts.iter().any(|attempt| attempt.id == refund.attempt && paid_order(order, attempt)))
}

fn new(now: DateTime<Utc>, order: &Order, attempt: &Attempt, amount: Paise, reason: &str) -> Refund {
    Refund {
        id: RefundId::generate(),
        workspace: order.workspace,
        order: order.id,
        attempt: attempt.id.clone(),
        amount,
        state: RefundState::Created,
        requested_in: order.state,
        reason: reason.chars().take(MAX_REASON).collect(),
        provider_refund_id: None,
        failure_code: None,
        next_check_at: Some(now),
        check_count: 0,
        created_at: now,
        updated_at: now,
    }
}

/// Stores a refund of an order that is locked and has no open one, and moves the order.
async fn store(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    refund: &Refund,
    author: &Author,
) -> Result<(), RefundError> {
    if !refund::insert(connection, refund).await? {
        return Err(RefundError::Open(Box::new(refund.clone())));
    }
    let detail = json!({ "order": order.id, "attempt": refund.attempt.as_str(), "amount": refund.amount });
    let resource = format!("refund/{}", refund.id);
    let entry = audit::Entry { workspace: Some(order.workspace), ..author.entry("refund.create", &resource, "done", detail) };
    audit::record(connection, now, &entry).await?;
    if is_of_order(connection, order, refund).await?
        && let Ok(next) = order.state.apply(OrderEvent::RefundRequested)
    {
        super::transition(connection, now, order, next, Change::default()).await?;
    }
    Ok(())
}

/// Notes that more was paid than is owed, and gives it back at once. `false` when another refund of the order is open: an operator
/// then makes this one later.
pub(super) async fn give_back_excess(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    attempt: &Attempt,
) -> Result<bool, StoreError> {
    let cause = Cause::Excess(order.price.amount);
    ledger::post(connection, now, Posting { cause, workspace: order.workspace, order: order.id, attempt: &attempt.id, refund: None })
        .await?;
    let refund = new(now, order, attempt, order.price.amount, "more was paid than was owed");
    if !refund::insert(connection, &refund).await? {
        return Ok(false);
    }
    let detail = json!({ "refund": refund.id, "attempt": attempt.id.as_str(), "amount": refund.amount });
    super::record(connection, now, order, "refund.create", "done", detail).await?;
    Ok(true)
}
