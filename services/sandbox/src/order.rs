//! An order, its attempts, and how it can end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    event::Event,
    mandate::{Family, Terms},
    redemption::Redemption,
};

/// What the customer does, or a script in the customer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The money is taken.
    Success,
    /// The order fails for good.
    Fail,
    /// This attempt fails; the order stays open and the customer may try again.
    AttemptFailed,
    /// The bank has not decided yet.
    Pending,
    /// The customer leaves without trying.
    Close,
}

/// How the customer pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// UPI, from an app on the phone.
    #[default]
    Upi,
    /// A credit card.
    Card,
}

/// An order's root state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// Only of a debit: the customer is being told of it.
    NotificationInProgress,
    /// Only of a debit: the customer was told, and the money may be taken after a day.
    Notified,
    /// Not decided.
    Pending,
    /// Paid.
    Completed,
    /// Not paid, and over.
    Failed,
}

impl OrderState {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotificationInProgress => "NOTIFICATION_IN_PROGRESS",
            Self::Notified => "NOTIFIED",
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it is neither paid nor over.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NotificationInProgress | Self::Notified | Self::Pending)
    }
}

/// What an order is for.
#[derive(Debug, Clone)]
pub(crate) enum Flow {
    /// One payment.
    Checkout,
    /// The first payment of a mandate, which sets it up.
    Setup {
        terms: Terms,
        /// The customer is asked in the app instead of sent there.
        collect: bool,
    },
    /// A later payment of a mandate.
    Redemption(Redemption),
}

/// Why something failed, in the provider's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub code: &'static str,
    pub detailed_code: &'static str,
    pub source: &'static str,
    pub stage: &'static str,
    pub description: &'static str,
}

const WRONG_PIN: Failure = Failure {
    code: "AUTHORIZATION_ERROR",
    detailed_code: "ZM",
    source: "CUSTOMER",
    stage: "AUTHENTICATION",
    description: "Incorrect MPIN entered",
};
const CARD_DECLINED: Failure = Failure {
    code: "PAYMENT_ERROR",
    detailed_code: "TXN_FAILED",
    source: "CUSTOMER",
    stage: "AUTHENTICATION",
    description: "The card was declined",
};
const EXPIRED: Failure = Failure {
    code: "PAYMENT_ERROR",
    detailed_code: "TXN_AUTO_FAILED",
    source: "CUSTOMER",
    stage: "AUTHENTICATION",
    description: "Not paid before the order expired",
};

/// One try to pay.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub transaction_id: String,
    pub mode: Mode,
    pub state: OrderState,
    pub at: DateTime<Utc>,
    pub failure: Option<Failure>,
}

/// One order, from its creation on.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub sequence: u64,
    pub merchant_order_id: String,
    pub phonepe_id: String,
    pub amount: Paise,
    pub meta_info: Option<Map<String, Value>>,
    pub redirect_url: String,
    pub page_token: String,
    pub created_at: DateTime<Utc>,
    pub expire_at: DateTime<Utc>,
    pub state: OrderState,
    pub failure: Option<Failure>,
    pub settled_at: Option<DateTime<Utc>>,
    pub attempts: Vec<Attempt>,
    pub flow: Flow,
}

/// The order is over; only a failed one can still be paid, late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the order is already {}", .0.as_str())]
pub struct AlreadySettled(pub OrderState);

impl Order {
    /// Applies what the customer did and returns the event that the merchant is told, if any.
    pub fn apply(
        &mut self,
        outcome: Outcome,
        mode: Mode,
        transaction_id: String,
        now: DateTime<Utc>,
    ) -> Result<Option<Event>, AlreadySettled> {
        match (self.state, outcome) {
            (OrderState::Pending, _) | (OrderState::Failed, Outcome::Success) => {}
            (settled, _) => return Err(AlreadySettled(settled)),
        }
        let failure = match mode {
            Mode::Upi => WRONG_PIN,
            Mode::Card => CARD_DECLINED,
        };
        let (attempt_state, event) = match outcome {
            Outcome::Close => return Ok(None),
            Outcome::Pending => (OrderState::Pending, None),
            // No event of the API without a pay page tells of it.
            Outcome::AttemptFailed if self.is_app_setup() => (OrderState::Failed, None),
            Outcome::AttemptFailed => (OrderState::Failed, Some(Event::AttemptFailed)),
            Outcome::Fail => {
                self.settle(OrderState::Failed, Some(failure), now);
                (OrderState::Failed, self.end_event())
            }
            Outcome::Success => {
                self.settle(OrderState::Completed, None, now);
                (OrderState::Completed, self.end_event())
            }
        };
        // An attempt that the bank had not decided is decided now; otherwise this is a new one.
        self.attempts.pop_if(|attempt| attempt.state == OrderState::Pending);
        self.attempts.push(Attempt {
            transaction_id,
            mode,
            state: attempt_state,
            at: now,
            failure: (attempt_state == OrderState::Failed).then_some(failure),
        });
        Ok(event)
    }

    /// Ends the order.
    pub fn settle(&mut self, state: OrderState, failure: Option<Failure>, now: DateTime<Utc>) {
        (self.state, self.failure, self.settled_at) = (state, failure, Some(now));
    }

    /// The event that tells of the state the order is in, if there is one.
    pub fn end_event(&self) -> Option<Event> {
        let completed = match self.state {
            OrderState::NotificationInProgress | OrderState::Pending => return None,
            OrderState::Notified => return Some(Event::NotificationCompleted),
            OrderState::Completed => true,
            OrderState::Failed => false,
        };
        Some(match &self.flow {
            Flow::Redemption(redemption) if redemption.notified_at.is_none() => Event::NotificationFailed,
            Flow::Redemption(_) if completed => Event::DebitCompleted,
            Flow::Redemption(_) => Event::DebitFailed,
            Flow::Setup { .. } if self.is_app_setup() && completed => Event::SetupCompleted,
            Flow::Setup { .. } if self.is_app_setup() => Event::SetupFailed,
            Flow::Checkout | Flow::Setup { .. } if completed => Event::OrderCompleted,
            Flow::Checkout | Flow::Setup { .. } => Event::OrderFailed,
        })
    }

    /// Whether it sets up a mandate without the hosted page.
    pub fn is_app_setup(&self) -> bool {
        matches!(&self.flow, Flow::Setup { terms, .. } if terms.family == Family::Subscriptions)
    }

    /// The API whose order status knows it.
    pub fn family(&self) -> Family {
        self.terms().map_or(Family::Checkout, |terms| terms.family)
    }

    /// The mandate's, if there is one.
    pub fn terms(&self) -> Option<&Terms> {
        match &self.flow {
            Flow::Checkout => None,
            Flow::Setup { terms, .. } => Some(terms),
            Flow::Redemption(redemption) => Some(&redemption.terms),
        }
    }

    /// Whether there is money to give back.
    pub fn is_paid(&self) -> bool {
        self.state == OrderState::Completed
    }

    /// When it failed because its time was over.
    pub fn expired_at(&self) -> Option<DateTime<Utc>> {
        self.settled_at.filter(|_| self.failure == Some(EXPIRED))
    }

    /// Fails the order if its time is over.
    pub fn expire(&mut self, now: DateTime<Utc>) -> Option<Event> {
        if !self.state.is_open() || now < self.expire_at {
            return None;
        }
        self.settle(OrderState::Failed, Some(EXPIRED), now);
        for attempt in &mut self.attempts {
            if attempt.state == OrderState::Pending {
                attempt.state = OrderState::Failed;
                attempt.failure = Some(EXPIRED);
            }
        }
        self.end_event()
    }

    /// The order as a status API sees it that learns of notification and end `lag` later than the customer.
    pub fn as_seen(&self, now: DateTime<Utc>, lag: TimeDelta) -> Self {
        let mut seen = self.clone();
        let is_new = |at: Option<DateTime<Utc>>| at.is_some_and(|at| now - at < lag);
        if is_new(self.settled_at) {
            seen.failure = None;
            seen.state = match (&self.flow, self.attempts.is_empty()) {
                (Flow::Redemption(_), true) => OrderState::Notified,
                _ => OrderState::Pending,
            };
            if let Some(last) = seen.attempts.last_mut() {
                last.state = OrderState::Pending;
                last.failure = None;
            }
        }
        if let Some(redemption) = seen.redemption_mut()
            && (redemption.notified_at.is_none() || is_new(redemption.notified_at))
        {
            redemption.notified_at = None;
            if seen.state == OrderState::Notified {
                seen.state = OrderState::NotificationInProgress;
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
        Order {
            sequence: 1,
            merchant_order_id: "o-1".into(),
            phonepe_id: "OMO1".into(),
            amount: Paise::new(500_000),
            meta_info: None,
            redirect_url: "http://shop.example/return".into(),
            page_token: "t".into(),
            created_at: now,
            expire_at: now + TimeDelta::seconds(1200),
            state: OrderState::Pending,
            failure: None,
            settled_at: None,
            attempts: Vec::new(),
            flow: Flow::Checkout,
        }
    }

    fn apply(order: &mut Order, outcome: Outcome) -> Result<Option<Event>, AlreadySettled> {
        let now = order.created_at + TimeDelta::seconds(30);
        order.apply(outcome, Mode::Upi, "OM1".into(), now)
    }

    #[test]
    fn a_failed_attempt_leaves_the_order_open() {
        let mut order = order();
        assert_eq!(apply(&mut order, Outcome::AttemptFailed), Ok(Some(Event::AttemptFailed)));
        assert_eq!(order.state, OrderState::Pending);
        assert_eq!(apply(&mut order, Outcome::Success), Ok(Some(Event::OrderCompleted)));
        assert_eq!(order.attempts.len(), 2);
    }

    #[test]
    fn closing_the_page_is_no_attempt() {
        let mut order = order();
        assert_eq!(apply(&mut order, Outcome::Close), Ok(None));
        assert!(order.attempts.is_empty());
        assert_eq!(order.state, OrderState::Pending);
    }

    #[test]
    fn a_paid_order_cannot_fail_and_an_expired_one_can_be_paid_late() {
        let mut paid = order();
        apply(&mut paid, Outcome::Success).expect("an open order");
        assert_eq!(apply(&mut paid, Outcome::Fail), Err(AlreadySettled(OrderState::Completed)));
        let mut expired = order();
        assert_eq!(expired.expire(expired.expire_at), Some(Event::OrderFailed));
        assert_eq!(apply(&mut expired, Outcome::Success), Ok(Some(Event::OrderCompleted)));
    }

    #[test]
    fn an_undecided_attempt_fails_when_the_order_expires() {
        let mut order = order();
        apply(&mut order, Outcome::Pending).expect("an open order");
        assert_eq!(order.expire(order.expire_at - TimeDelta::milliseconds(1)), None);
        assert_eq!(order.expire(order.expire_at), Some(Event::OrderFailed));
        assert_eq!(order.attempts.last().map(|attempt| attempt.state), Some(OrderState::Failed));
    }
}
