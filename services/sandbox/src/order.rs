//! An order, its attempts, and how it can end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::webhook::Event;

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
#[serde(rename_all = "UPPERCASE")]
pub enum OrderState {
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
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
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
            Outcome::AttemptFailed => (OrderState::Failed, Some(Event::AttemptFailed)),
            Outcome::Fail => {
                self.state = OrderState::Failed;
                self.failure = Some(failure);
                self.settled_at = Some(now);
                (OrderState::Failed, Some(Event::OrderFailed))
            }
            Outcome::Success => {
                self.state = OrderState::Completed;
                self.failure = None;
                self.settled_at = Some(now);
                (OrderState::Completed, Some(Event::OrderCompleted))
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

    /// Whether there is money to give back.
    pub fn is_paid(&self) -> bool {
        self.state == OrderState::Completed
    }

    /// Fails the order if its time is over.
    pub fn expire(&mut self, now: DateTime<Utc>) -> Option<Event> {
        if self.state != OrderState::Pending || now < self.expire_at {
            return None;
        }
        self.state = OrderState::Failed;
        self.failure = Some(EXPIRED);
        self.settled_at = Some(now);
        for attempt in &mut self.attempts {
            if attempt.state == OrderState::Pending {
                attempt.state = OrderState::Failed;
                attempt.failure = Some(EXPIRED);
            }
        }
        Some(Event::OrderFailed)
    }

    /// The order as a status API sees it that learns of the end `lag` later than the customer.
    pub fn as_seen(&self, now: DateTime<Utc>, lag: TimeDelta) -> Self {
        let mut seen = self.clone();
        if self.settled_at.is_some_and(|settled| now - settled < lag) {
            seen.state = OrderState::Pending;
            seen.failure = None;
            if let Some(last) = seen.attempts.last_mut() {
                last.state = OrderState::Pending;
                last.failure = None;
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
