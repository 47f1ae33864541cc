//! The whole state, and what can be done to it: by the wire endpoints, the pages, scripts and tests alike.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::Serialize;
use service_kit::Lifecycle;
use url::Url;
use uuid::Uuid;

use crate::{
    config::SandboxConfig,
    order::{AlreadySettled, Mode, Order, OrderState, Outcome},
    phonepe::PayRequest,
    refund::{AlreadyThere, Refund},
    resend::{Mail, SentOnce},
    weather::{AutoPay, Weather},
    webhook::{Delivery, Event, Webhook},
};

/// `PhonePe`'s order expiry when the request names none, in seconds (the integration guide's number).
const DEFAULT_EXPIRY_S: u32 = 600;
/// So many deliveries are kept: a load test must not eat the memory.
const DELIVERIES_KEPT: usize = 20_000;
/// The same for mails.
const MAILS_KEPT: usize = 2_000;

/// The sandbox's state. Cheap to clone; all clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    config: SandboxConfig,
    public_url: String,
    http: reqwest::Client,
    lifecycle: Lifecycle,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    sequence: u64,
    pub weather: Weather,
    pub webhook_url: Option<Url>,
    pub tokens: HashMap<String, DateTime<Utc>>,
    pub orders: HashMap<String, Order>,
    pub refunds: HashMap<String, Refund>,
    pages: HashMap<String, String>,
    pub deliveries: VecDeque<Delivery>,
    pub held: Option<Webhook>,
    pub mails: VecDeque<Mail>,
    pub mail_keys: HashMap<String, SentOnce>,
}

impl State {
    pub fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Puts a mail into the inbox.
    pub fn keep_mail(&mut self, mail: Mail) {
        push_bounded(&mut self.mails, mail, MAILS_KEPT);
    }

    /// An id of `PhonePe`'s shape: a prefix, the time to the millisecond, seven digits.
    pub fn phonepe_id(&mut self, prefix: &str, now: DateTime<Utc>) -> String {
        let sequence = self.next() % 10_000_000;
        let millis = now.timestamp_subsec_millis();
        format!("{prefix}{}{millis:03}{sequence:07}", now.format("%y%m%d%H%M%S"))
    }
}

/// Appends; the oldest goes when there are `limit` already.
fn push_bounded<T>(kept: &mut VecDeque<T>, new: T, limit: usize) {
    if kept.len() == limit {
        kept.pop_front();
    }
    kept.push_back(new);
}

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
    /// Number of attempts so far.
    pub attempts: usize,
    /// Address of the pay page.
    pub pay_url: String,
    /// Where the browser goes afterwards.
    pub redirect_url: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it fails by itself.
    pub expire_at: DateTime<Utc>,
}

/// What a control call can be refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No order has this id.
    #[error("no order has this id")]
    UnknownOrder,
    /// The order is over.
    #[error(transparent)]
    AlreadySettled(#[from] AlreadySettled),
    /// No refund has this id.
    #[error("no refund has this id")]
    UnknownRefund,
    /// The refund is over, or there already.
    #[error(transparent)]
    AlreadyThere(#[from] AlreadyThere),
    /// The order is open, so that there is nothing to tell.
    #[error("the order is still open: there is no webhook to send")]
    NothingToSend,
}

/// The id was used before, which is for ever.
#[derive(Debug)]
pub(crate) struct Duplicate;

impl Sandbox {
    pub(crate) fn new(config: SandboxConfig, public_url: String, http: reqwest::Client, lifecycle: Lifecycle) -> Self {
        let state = State { webhook_url: config.webhook.url.clone(), ..State::default() };
        Self(Arc::new(Shared { config, public_url, http, lifecycle, state: Mutex::new(state) }))
    }

    pub(crate) fn config(&self) -> &SandboxConfig {
        &self.0.config
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.config.clock.now()
    }

    /// No code panics while it holds the lock, and if one did, the state is still whole.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weather.
    pub fn weather(&self) -> Weather {
        self.state().weather.clone()
    }

    /// Changes the weather for everything that happens from now on.
    pub fn set_weather(&self, weather: Weather) {
        let mut state = self.state();
        if weather.token_revoked {
            state.tokens.clear();
        }
        state.weather = weather;
    }

    /// Where webhooks go from now on.
    pub fn set_webhook_url(&self, url: Option<Url>) {
        self.state().webhook_url = url;
    }

    /// Where webhooks go.
    pub fn webhook_url(&self) -> Option<Url> {
        self.state().webhook_url.clone()
    }

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

    /// Every try to deliver a webhook, the newest first.
    pub fn webhooks(&self) -> Vec<Delivery> {
        self.state().deliveries.iter().rev().cloned().collect()
    }

    /// All mails, the newest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.iter().rev().cloned().collect()
    }

    /// Forgets orders, refunds, tokens, deliveries, mails and weather; the webhook's address is the configured one again.
    pub fn reset(&self) {
        let mut state = self.state();
        *state = State { sequence: state.sequence, webhook_url: self.0.config.webhook.url.clone(), ..State::default() };
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
            let event = order.apply(outcome, mode, transaction_id, now)?;
            (order.clone(), event)
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
        let event = match order.state {
            OrderState::Pending => return Err(ControlError::NothingToSend),
            OrderState::Completed => Event::OrderCompleted,
            OrderState::Failed => Event::OrderFailed,
        };
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
    pub(crate) fn create_order(&self, request: PayRequest) -> Result<Order, Duplicate> {
        let now = self.now();
        let (order, auto_pay) = {
            let mut state = self.state();
            if state.orders.contains_key(&request.merchant_order_id) {
                return Err(Duplicate);
            }
            let expiry = request.expire_after_s.unwrap_or(DEFAULT_EXPIRY_S);
            let order = Order {
                phonepe_id: state.phonepe_id("OMO", now),
                sequence: state.next(),
                merchant_order_id: request.merchant_order_id,
                amount: request.amount,
                meta_info: request.meta_info,
                redirect_url: request.redirect_url,
                page_token: Uuid::now_v7().simple().to_string(),
                created_at: now,
                expire_at: now + TimeDelta::seconds(expiry.into()),
                state: OrderState::Pending,
                failure: None,
                settled_at: None,
                attempts: Vec::new(),
            };
            let id = order.merchant_order_id.clone();
            state.pages.insert(order.page_token.clone(), id.clone());
            state.orders.insert(id, order.clone());
            (order, state.weather.auto_pay)
        };
        let outcome = match auto_pay {
            AutoPay::None => None,
            AutoPay::Success => Some(Outcome::Success),
            AutoPay::Fail => Some(Outcome::Fail),
        };
        if let Some(outcome) = outcome
            && let Err(error) = self.pay(&order.merchant_order_id, outcome, Mode::Upi)
        {
            tracing::warn!(%error, merchant_order_id = order.merchant_order_id, "not paid by itself");
        }
        Ok(order)
    }

    /// Fails every order whose time is over.
    pub(crate) fn expire_orders(&self) {
        let now = self.now();
        let expired: Vec<(Order, Event)> =
            self.state().orders.values_mut().filter_map(|order| order.expire(now).map(|event| (order.clone(), event))).collect();
        for (order, event) in expired {
            self.tell(&order, event);
        }
    }

    pub(crate) fn pay_url(&self, order: &Order) -> String {
        format!("{}/pay/{}", self.0.public_url, order.page_token)
    }

    pub(crate) fn record(&self, delivery: Delivery) {
        push_bounded(&mut self.state().deliveries, delivery, DELIVERIES_KEPT);
    }

    fn summary(&self, order: &Order) -> OrderSummary {
        OrderSummary {
            merchant_order_id: order.merchant_order_id.clone(),
            order_id: order.phonepe_id.clone(),
            amount: order.amount,
            state: order.state,
            attempts: order.attempts.len(),
            pay_url: self.pay_url(order),
            redirect_url: order.redirect_url.clone(),
            created_at: order.created_at,
            expire_at: order.expire_at,
        }
    }
}
