//! Autopay: mandates are set up, their customers notified and debited, and they end.

use chrono::{DateTime, Utc};
use domain::money::Paise;
use serde_json::{Map, Value};

use crate::{
    event::Event,
    mandate::{Change, Family, Mandate, MandateIs, MandateState, MandateSummary, Terms, UserAct},
    order::{Flow, Order, OrderState},
    payment::{Duplicate, NewOrder, OrderSummary},
    redemption::{RedeemRefused, Redemption, RedemptionStep, RetryStrategy, expiry},
    state::{ControlError, Sandbox, State},
    weather::{AfterNotification, AutoNotify, AutoRedeem},
};

/// A debit as it is asked for.
#[derive(Debug)]
pub(crate) struct NotifyRequest {
    pub merchant_order_id: String,
    pub merchant_subscription_id: String,
    pub amount: Paise,
    pub meta_info: Option<Map<String, Value>>,
    pub expire_at: Option<DateTime<Utc>>,
    pub retry: RetryStrategy,
    pub auto_debit: bool,
}

/// Why a call about a mandate is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AutopayRefused {
    #[error("the id has already been used")]
    Duplicate,
    #[error("no entry found for given merchant subscription id")]
    UnknownMandate,
    #[error("no entry found for given merchant order id")]
    UnknownOrder,
    #[error(transparent)]
    MandateIs(#[from] MandateIs),
    #[error("the amount is not what the mandate allows")]
    Amount,
    #[error(transparent)]
    Redeem(#[from] RedeemRefused),
}

impl From<Duplicate> for AutopayRefused {
    fn from(_: Duplicate) -> Self {
        Self::Duplicate
    }
}

impl Sandbox {
    /// All mandates, the newest first.
    pub fn mandates(&self) -> Vec<MandateSummary> {
        let state = self.state();
        let mut mandates: Vec<&Mandate> = state.mandates.values().collect();
        mandates.sort_unstable_by_key(|mandate| std::cmp::Reverse(mandate.sequence));
        mandates.into_iter().map(MandateSummary::from).collect()
    }

    /// One mandate, by the merchant's id.
    pub fn mandate(&self, merchant_subscription_id: &str) -> Option<MandateSummary> {
        self.state().mandates.get(merchant_subscription_id).map(MandateSummary::from)
    }

    /// Does with a mandate what the customer would, and sends the webhook that follows from it.
    ///
    /// # Errors
    /// When there is no such mandate, or its state does not allow it.
    pub fn act(&self, merchant_subscription_id: &str, act: UserAct) -> Result<MandateSummary, ControlError> {
        let mandate = self.mandate_of(None, merchant_subscription_id).ok_or(ControlError::UnknownMandate)?;
        Ok(MandateSummary::from(&self.change(&mandate, Change::User(act))?))
    }

    /// Does with a debit what the customer's bank would, and sends the webhooks that follow from it.
    ///
    /// # Errors
    /// When there is no such debit, or its state does not allow it.
    pub fn redemption(&self, merchant_order_id: &str, step: RedemptionStep) -> Result<OrderSummary, ControlError> {
        let now = self.now();
        let (order, events) = {
            let mut state = self.state();
            let transaction_id = state.phonepe_id("OM", now);
            let order = state.orders.get_mut(merchant_order_id).filter(|order| order.redemption().is_some());
            let order = order.ok_or(ControlError::UnknownRedemption)?;
            let events = order.apply_step(step, transaction_id, now)?;
            (order.clone(), events)
        };
        for event in events {
            self.tell(&order, *event);
        }
        if order.state == OrderState::Notified {
            self.act_after_notification(&order);
        }
        Ok(self.summary(&order))
    }

    /// A mandate, if this API set it up.
    pub(crate) fn mandate_of(&self, family: Option<Family>, merchant_subscription_id: &str) -> Option<Mandate> {
        let state = self.state();
        let mandate = state.mandates.get(merchant_subscription_id)?;
        family.is_none_or(|family| mandate.terms.family == family).then(|| mandate.clone())
    }

    /// Stores a new mandate with the order that sets it up and, if the weather says so, lets the customer approve it.
    pub(crate) fn create_mandate(&self, mut order: NewOrder, terms: Terms, collect: bool) -> Result<Order, Duplicate> {
        let now = self.now();
        let order = {
            let mut state = self.state();
            if state.mandates.contains_key(&terms.merchant_subscription_id) {
                return Err(Duplicate);
            }
            let terms = Terms { phonepe_id: state.phonepe_id("OMS", now), ..terms };
            order.flow = Flow::Setup { terms: terms.clone(), collect };
            let order = state.add_order(order, now)?;
            let mandate = Mandate::new(state.next(), terms, order.merchant_order_id.clone(), now);
            state.mandates.insert(mandate.terms.merchant_subscription_id.clone(), mandate);
            order
        };
        self.pay_by_itself(&order);
        Ok(order)
    }

    /// Begins to notify the customer of a debit and, if the weather says so, has done it at once.
    pub(crate) fn notify(&self, family: Family, request: NotifyRequest) -> Result<Order, AutopayRefused> {
        let now = self.now();
        let (order, auto_notify) = {
            let mut state = self.state();
            let mandate = state.mandates.get(&request.merchant_subscription_id).filter(|it| it.terms.family == family);
            let mandate = mandate.ok_or(AutopayRefused::UnknownMandate)?;
            if mandate.state != MandateState::Active {
                return Err(MandateIs(mandate.state).into());
            }
            if !mandate.terms.allow(request.amount) {
                return Err(AutopayRefused::Amount);
            }
            let redemption = Redemption {
                terms: mandate.terms.clone(),
                retry: request.retry,
                auto_debit: request.auto_debit,
                notified_at: None,
                void: false,
            };
            let new = NewOrder {
                merchant_order_id: request.merchant_order_id,
                amount: request.amount,
                meta_info: request.meta_info,
                redirect_url: String::new(),
                expire_at: expiry(request.expire_at, now),
                flow: Flow::Redemption(redemption),
            };
            (state.add_order(new, now)?, state.weather.auto_notify)
        };
        let step = match auto_notify {
            AutoNotify::None => None,
            AutoNotify::Notify => Some(RedemptionStep::Notify),
            AutoNotify::Fail => Some(RedemptionStep::FailNotification),
        };
        self.step_by_itself(&order, step);
        Ok(order)
    }

    /// Begins a debit for the merchant and, if the weather says so, ends it. Returns the transaction's id.
    pub(crate) fn redeem(&self, family: Family, merchant_order_id: &str) -> Result<String, AutopayRefused> {
        let now = self.now();
        self.debit(merchant_order_id, now, |order, mandate| {
            if mandate.terms.family != family {
                return Err(AutopayRefused::UnknownOrder);
            }
            if mandate.state != MandateState::Active {
                return Err(MandateIs(mandate.state).into());
            }
            Ok(order.may_redeem(now)?)
        })
    }

    /// Ends a mandate for the merchant.
    pub(crate) fn cancel(&self, family: Family, merchant_subscription_id: &str) -> Result<(), AutopayRefused> {
        let mandate = self.mandate_of(Some(family), merchant_subscription_id).ok_or(AutopayRefused::UnknownMandate)?;
        self.change(&mandate, Change::Cancel)?;
        Ok(())
    }

    /// Takes the money of each debit that does not wait for the merchant's word.
    pub(crate) fn debit_what_is_due(&self) {
        let now = self.now();
        let is_due = |order: &&Order| order.is_due_by_itself(now);
        let due: Vec<String> = self.state().orders.values().filter(is_due).map(|order| order.merchant_order_id.clone()).collect();
        for id in due {
            // Of a mandate that is paused or over nothing is taken; its order expires.
            let _ = self.debit(&id, now, |order, mandate| match mandate.state {
                MandateState::Active if order.is_due_by_itself(now) => Ok(()),
                state => Err(MandateIs(state).into()),
            });
        }
    }

    /// Ends each mandate whose time is over. No webhook tells of it.
    pub(crate) fn expire_mandates(&self) {
        let now = self.now();
        for mandate in self.state().mandates.values_mut().filter(|mandate| now >= mandate.terms.expire_at) {
            // Most are over already.
            let _ = mandate.apply(Change::Expire, now);
        }
    }

    /// Begins a debit that passes the check, which sees order and mandate as they are at that moment.
    fn debit(
        &self,
        merchant_order_id: &str,
        now: DateTime<Utc>,
        check: impl FnOnce(&Order, &Mandate) -> Result<(), AutopayRefused>,
    ) -> Result<String, AutopayRefused> {
        let (order, transaction_id, auto_redeem) = {
            let mut state = self.state();
            let transaction_id = state.phonepe_id("OM", now);
            let State { orders, mandates, weather, .. } = &mut *state;
            let order = orders.get_mut(merchant_order_id).ok_or(AutopayRefused::UnknownOrder)?;
            let redemption = order.redemption().ok_or(AutopayRefused::UnknownOrder)?;
            let mandate = mandates.get(&redemption.terms.merchant_subscription_id).ok_or(AutopayRefused::UnknownMandate)?;
            check(order, mandate)?;
            order.begin_debit(transaction_id.clone(), now);
            (order.clone(), transaction_id, weather.auto_redeem)
        };
        let step = match auto_redeem {
            AutoRedeem::None => None,
            AutoRedeem::Succeed => Some(RedemptionStep::Succeed),
            AutoRedeem::FailAttempt => Some(RedemptionStep::FailAttempt),
            AutoRedeem::Fail => Some(RedemptionStep::Fail),
        };
        self.step_by_itself(&order, step);
        Ok(transaction_id)
    }

    /// Applies a change and tells of it. A pause voids every notification that has not led to a debit yet.
    fn change(&self, mandate: &Mandate, change: Change) -> Result<Mandate, MandateIs> {
        let now = self.now();
        let id = &mandate.terms.merchant_subscription_id;
        let (mandate, event) = {
            let mut state = self.state();
            let mandate = state.mandates.get_mut(id).ok_or(MandateIs(mandate.state))?;
            let event = mandate.apply(change, now)?;
            let mandate = mandate.clone();
            if event == Some(Event::MandatePaused) {
                let told = |order: &&mut Order| matches!(order.state, OrderState::NotificationInProgress | OrderState::Notified);
                for redemption in state.orders.values_mut().filter(told).filter_map(Order::redemption_mut) {
                    redemption.void |= redemption.terms.merchant_subscription_id == *id;
                }
            }
            (mandate, event)
        };
        if let Some(event) = event {
            self.tell_of_mandate(&mandate, event);
        }
        Ok(mandate)
    }

    fn step_by_itself(&self, order: &Order, step: Option<RedemptionStep>) {
        if let Some(step) = step
            && let Err(error) = self.redemption(&order.merchant_order_id, step)
        {
            tracing::warn!(%error, merchant_order_id = order.merchant_order_id, "the bank did nothing by itself");
        }
    }

    fn act_after_notification(&self, order: &Order) {
        let act = match self.weather().after_notification {
            AfterNotification::None => return,
            AfterNotification::Pause => UserAct::Pause,
            AfterNotification::Revoke => UserAct::Revoke,
        };
        if let Some(terms) = order.terms()
            && let Err(error) = self.act(&terms.merchant_subscription_id, act)
        {
            tracing::warn!(%error, merchant_order_id = order.merchant_order_id, "the customer did nothing by themselves");
        }
    }
}
