//! Orders: how they are made, paid, and expire.

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    event::Event,
    mandate::Change,
    order::{Flow, Mode, Order, OrderState, Outcome},
    redemption::Redemption,
    state::{ControlError, Sandbox, State},
    weather::AutoPay,
};

/// An order as the control API tells it; times are RFC 3339, the amount is in paise.
#[derive(Debug, Clone, Serialize)]
pub struct OrderSummary {
    /// The merchant's id.
    pub merchant_order_id: String,
    /// `PhonePe`'s id.
    pub order_id: String,
    /// The amount asked.
    pub amount: Paise,
    /// The root state, without any status lag.
    pub state: OrderState,
    /// The mandate that it sets up or debits.
    pub merchant_subscription_id: Option<String>,
    /// Whether it debits it.
    pub is_debit: bool,
    /// Of a debit whose customer was notified: when the money may be taken.
    pub valid_after: Option<DateTime<Utc>>,
    /// Number of attempts so far.
    pub attempts: usize,
    /// Address of the pay page.
    pub pay_url: String,
    /// Where the browser goes afterwards; empty if it stays.
    pub redirect_url: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it fails by itself.
    pub expire_at: DateTime<Utc>,
}

/// An order as it is asked for.
#[derive(Debug)]
pub(crate) struct NewOrder {
    pub merchant_order_id: String,
    pub amount: Paise,
    pub meta_info: Option<Map<String, Value>>,
    /// Empty when there is no browser to come back.
    pub redirect_url: String,
    pub expire_at: DateTime<Utc>,
    pub flow: Flow,
}

/// The id of an order or a mandate was used before, which is for ever.
#[derive(Debug)]
pub(crate) struct Duplicate;

impl State {
    /// Stores a new order.
    pub fn add_order(&mut self, new: NewOrder, now: DateTime<Utc>) -> Result<Order, Duplicate> {
        if self.orders.contains_key(&new.merchant_order_id) {
            return Err(Duplicate);
        }
        let order = Order {
            phonepe_id: self.phonepe_id("OMO", now),
            sequence: self.next(),
            merchant_order_id: new.merchant_order_id,
            amount: new.amount,
            meta_info: new.meta_info,
            redirect_url: new.redirect_url,
            page_token: Uuid::now_v7().simple().to_string(),
            created_at: now,
            expire_at: new.expire_at,
            state: match &new.flow {
                Flow::Redemption(_) => OrderState::NotificationInProgress,
                Flow::Checkout | Flow::Setup { .. } => OrderState::Pending,
            },
            failure: None,
            settled_at: None,
            attempts: Vec::new(),
            flow: new.flow,
        };
        let id = order.merchant_order_id.clone();
        self.pages.insert(order.page_token.clone(), id.clone());
        self.orders.insert(id, order.clone());
        Ok(order)
    }

    /// Lets a mandate follow the order that sets it up.
    pub fn follow_setup(&mut self, order: &Order, now: DateTime<Utc>) {
        if let Flow::Setup { terms, .. } = &order.flow
            && let Some(mandate) = self.mandates.get_mut(&terms.merchant_subscription_id)
            && let Err(error) = mandate.apply(Change::Setup(order.state), now)
            && !order.state.is_open()
        {
            tracing::warn!(%error, merchant_order_id = order.merchant_order_id, "the mandate does not follow its setup");
        }
    }
}

impl Sandbox {
    /// All orders, the newest first.
    pub fn orders(&self) -> Vec<OrderSummary> {
        let state = self.state();
        let mut orders: Vec<&Order> = state.orders.values().collect();
        orders.sort_unstable_by_key(|order| std::cmp::Reverse(order.sequence));
        orders.into_iter().map(|order| self.summary(order)).collect()
    }

    /// One order.
    pub fn order(&self, merchant_order_id: &str) -> Option<OrderSummary> {
        self.state().orders.get(merchant_order_id).map(|order| self.summary(order))
    }

    /// Ends or delays a payment in the customer's place and sends the webhook that follows from it. A failed or
    /// expired order can still succeed, late.
    ///
    /// # Errors
    /// When there is no such order, or it is over.
    pub fn pay(&self, merchant_order_id: &str, outcome: Outcome, mode: Mode) -> Result<OrderSummary, ControlError> {
        let now = self.now();
        let (order, event) = {
            let mut state = self.state();
            let transaction_id = state.phonepe_id("OM", now);
            let order = state.orders.get_mut(merchant_order_id).ok_or(ControlError::UnknownOrder)?;
            // A mandate is a matter of UPI, whatever else may be paid with.
            let mode = match &order.flow {
                Flow::Checkout => mode,
                Flow::Setup { .. } => Mode::Upi,
                Flow::Redemption(_) => return Err(ControlError::NotPayable),
            };
            let event = order.apply(outcome, mode, transaction_id, now)?;
            let order = order.clone();
            state.follow_setup(&order, now);
            (order, event)
        };
        if let Some(event) = event {
            self.tell(&order, event);
        }
        Ok(self.summary(&order))
    }

    /// Sends the webhook of an order that is over once more, through the present weather.
    ///
    /// # Errors
    /// When there is no such order, or it is open.
    pub fn send_webhook_again(&self, merchant_order_id: &str) -> Result<(), ControlError> {
        let order = self.order_by_id(merchant_order_id).ok_or(ControlError::UnknownOrder)?;
        let event = order.end_event().ok_or(ControlError::NothingToSend)?;
        self.tell(&order, event);
        Ok(())
    }

    pub(crate) fn order_by_id(&self, merchant_order_id: &str) -> Option<Order> {
        self.state().orders.get(merchant_order_id).cloned()
    }

    pub(crate) fn order_by_transaction(&self, transaction_id: &str) -> Option<Order> {
        let state = self.state();
        state.orders.values().find(|order| order.attempts.iter().any(|attempt| attempt.transaction_id == transaction_id)).cloned()
    }

    pub(crate) fn order_by_page(&self, token: &str) -> Option<Order> {
        let state = self.state();
        let id = state.pages.get(token)?;
        state.orders.get(id).cloned()
    }

    /// Stores a new order and, if the weather says so, pays it.
    pub(crate) fn create_order(&self, new: NewOrder) -> Result<Order, Duplicate> {
        let order = self.state().add_order(new, self.now())?;
        self.pay_by_itself(&order);
        Ok(order)
    }

    /// Pays a new order if the weather says so.
    pub(crate) fn pay_by_itself(&self, order: &Order) {
        let outcome = match self.weather().auto_pay {
            AutoPay::None => return,
            AutoPay::Success => Outcome::Success,
            AutoPay::Fail => Outcome::Fail,
        };
        if let Err(error) = self.pay(&order.merchant_order_id, outcome, Mode::Upi) {
            tracing::warn!(%error, merchant_order_id = order.merchant_order_id, "not paid by itself");
        }
    }

    /// Fails every order whose time is over.
    pub(crate) fn expire_orders(&self) {
        let now = self.now();
        let expired: Vec<(Order, Event)> = {
            let mut state = self.state();
            let expired: Vec<_> =
                state.orders.values_mut().filter_map(|order| order.expire(now).map(|event| (order.clone(), event))).collect();
            for (order, _) in &expired {
                state.follow_setup(order, now);
            }
            expired
        };
        for (order, event) in expired {
            self.tell(&order, event);
        }
    }

    /// Pays, late, what expired long enough ago, if the weather says so.
    pub(crate) fn pay_late(&self) {
        let Some(after_ms) = self.weather().late_success_ms else { return };
        let (now, after) = (self.now(), TimeDelta::milliseconds(after_ms.into()));
        let is_due = |order: &&Order| order.redemption().is_none() && order.expired_at().is_some_and(|at| now - at >= after);
        let due: Vec<String> = self.state().orders.values().filter(is_due).map(|order| order.merchant_order_id.clone()).collect();
        for id in due {
            if let Err(error) = self.pay(&id, Outcome::Success, Mode::Upi) {
                tracing::warn!(%error, merchant_order_id = id, "not paid late");
            }
        }
    }

    pub(crate) fn pay_url(&self, order: &Order) -> String {
        format!("{}/pay/{}", self.public_url(), order.page_token)
    }

    pub(crate) fn summary(&self, order: &Order) -> OrderSummary {
        OrderSummary {
            merchant_order_id: order.merchant_order_id.clone(),
            order_id: order.phonepe_id.clone(),
            amount: order.amount,
            state: order.state,
            merchant_subscription_id: order.terms().map(|terms| terms.merchant_subscription_id.clone()),
            is_debit: order.redemption().is_some(),
            valid_after: order.redemption().and_then(Redemption::valid_after),
            attempts: order.attempts.len(),
            pay_url: self.pay_url(order),
            redirect_url: order.redirect_url.clone(),
            created_at: order.created_at,
            expire_at: order.expire_at,
        }
    }
}
