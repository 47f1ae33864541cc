//! A refund, from the merchant's request to its end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    phonepe::RefundRequest,
    state::{ControlError, Sandbox},
    weather::AutoRefund,
};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundState {
    /// Asked for.
    Pending,
    /// The bank has it.
    Confirmed,
    /// The money is back.
    Completed,
    /// It is not, and this refund is over.
    Failed,
}

impl RefundState {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Confirmed => "CONFIRMED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it can still end one way or the other.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed)
    }
}

/// What the bank does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStep {
    /// Takes it in hand.
    Confirm,
    /// Gives the money back.
    Complete,
    /// Cannot give it back.
    Fail,
}

/// One refund, from the request on.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub sequence: u64,
    pub merchant_refund_id: String,
    pub original_merchant_order_id: String,
    pub phonepe_id: String,
    pub amount: Paise,
    pub created_at: DateTime<Utc>,
    pub state: RefundState,
    /// When it came into this state.
    pub since: DateTime<Utc>,
}

/// The refund is over, or where the step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the refund is already {}", .0.as_str())]
pub struct AlreadyThere(pub RefundState);

impl Refund {
    /// Applies what the bank did and returns the event that the merchant is told.
    pub fn apply(&mut self, step: RefundStep, now: DateTime<Utc>) -> Result<Event, AlreadyThere> {
        let (state, event) = match (self.state, step) {
            (RefundState::Pending, RefundStep::Confirm) => (RefundState::Confirmed, Event::RefundAccepted),
            (RefundState::Pending | RefundState::Confirmed, RefundStep::Complete) => (RefundState::Completed, Event::RefundCompleted),
            (RefundState::Pending | RefundState::Confirmed, RefundStep::Fail) => (RefundState::Failed, Event::RefundFailed),
            (state, _) => return Err(AlreadyThere(state)),
        };
        (self.state, self.since) = (state, now);
        Ok(event)
    }

    /// The refund as a status API sees it that learns of each change `lag` later than the webhook says.
    pub fn as_seen(&self, now: DateTime<Utc>, lag: TimeDelta) -> Self {
        let mut seen = self.clone();
        if self.state != RefundState::Pending && now - self.since < lag {
            seen.state = RefundState::Pending;
        }
        seen
    }
}

/// A refund as the control API tells it; times are RFC 3339, the amount is in paise.
#[derive(Debug, Clone, Serialize)]
pub struct RefundSummary {
    /// The merchant's id.
    pub merchant_refund_id: String,
    /// The merchant's id of the order that is paid back.
    pub original_merchant_order_id: String,
    /// `PhonePe`'s id.
    pub refund_id: String,
    /// What is given back.
    pub amount: Paise,
    /// Where it stands, without any status lag.
    pub state: RefundState,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

impl From<&Refund> for RefundSummary {
    fn from(refund: &Refund) -> Self {
        Self {
            merchant_refund_id: refund.merchant_refund_id.clone(),
            original_merchant_order_id: refund.original_merchant_order_id.clone(),
            refund_id: refund.phonepe_id.clone(),
            amount: refund.amount,
            state: refund.state,
            created_at: refund.created_at,
        }
    }
}

/// Why a refund is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundRefused {
    /// The id was used before, which is for ever.
    Duplicate,
    /// No order has the id.
    UnknownOrder,
    /// The order was never paid.
    NotPaid,
    /// More than was paid. Several refunds that together are more are taken: only the merchant keeps their sum.
    TooMuch,
}

impl Sandbox {
    /// All refunds, the newest first.
    pub fn refunds(&self) -> Vec<RefundSummary> {
        let state = self.state();
        let mut refunds: Vec<&Refund> = state.refunds.values().collect();
        refunds.sort_unstable_by_key(|refund| std::cmp::Reverse(refund.sequence));
        refunds.into_iter().map(RefundSummary::from).collect()
    }

    /// Does what the bank would, and sends the webhook that follows from it.
    ///
    /// # Errors
    /// When there is no such refund, or it is over.
    pub fn refund(&self, merchant_refund_id: &str, step: RefundStep) -> Result<RefundSummary, ControlError> {
        let now = self.now();
        let (refund, event) = {
            let mut state = self.state();
            let refund = state.refunds.get_mut(merchant_refund_id).ok_or(ControlError::UnknownRefund)?;
            let event = refund.apply(step, now)?;
            (refund.clone(), event)
        };
        self.tell_of_refund(&refund, event);
        Ok(RefundSummary::from(&refund))
    }

    pub(crate) fn refund_by_id(&self, merchant_refund_id: &str) -> Option<Refund> {
        self.state().refunds.get(merchant_refund_id).cloned()
    }

    /// Stores a new refund and, if the weather says so, carries it on.
    pub(crate) fn create_refund(&self, request: RefundRequest) -> Result<Refund, RefundRefused> {
        let now = self.now();
        let (refund, auto_refund) = {
            let mut state = self.state();
            if state.refunds.contains_key(&request.merchant_refund_id) {
                return Err(RefundRefused::Duplicate);
            }
            let order = state.orders.get(&request.original_merchant_order_id).ok_or(RefundRefused::UnknownOrder)?;
            if !order.is_paid() {
                return Err(RefundRefused::NotPaid);
            }
            if request.amount > order.amount {
                return Err(RefundRefused::TooMuch);
            }
            let refund = Refund {
                phonepe_id: state.phonepe_id("OMR", now),
                sequence: state.next(),
                merchant_refund_id: request.merchant_refund_id,
                original_merchant_order_id: request.original_merchant_order_id,
                amount: request.amount,
                created_at: now,
                state: RefundState::Pending,
                since: now,
            };
            state.refunds.insert(refund.merchant_refund_id.clone(), refund.clone());
            (refund, state.weather.auto_refund)
        };
        let steps: &[RefundStep] = match auto_refund {
            AutoRefund::None => &[],
            AutoRefund::Confirm => &[RefundStep::Confirm],
            AutoRefund::Complete => &[RefundStep::Confirm, RefundStep::Complete],
            AutoRefund::Fail => &[RefundStep::Confirm, RefundStep::Fail],
        };
        for step in steps {
            if let Err(error) = self.refund(&refund.merchant_refund_id, *step) {
                tracing::warn!(%error, merchant_refund_id = refund.merchant_refund_id, "not refunded by itself");
            }
        }
        Ok(refund)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refund() -> Refund {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
        Refund {
            sequence: 1,
            merchant_refund_id: "r-1".into(),
            original_merchant_order_id: "o-1".into(),
            phonepe_id: "OMR1".into(),
            amount: Paise::new(100),
            created_at: now,
            state: RefundState::Pending,
            since: now,
        }
    }

    #[test]
    fn a_refund_is_confirmed_once_and_ends_once() {
        let (mut refund, now) = (refund(), refund().created_at);
        assert_eq!(refund.apply(RefundStep::Confirm, now), Ok(Event::RefundAccepted));
        assert_eq!(refund.apply(RefundStep::Confirm, now), Err(AlreadyThere(RefundState::Confirmed)));
        assert_eq!(refund.apply(RefundStep::Fail, now), Ok(Event::RefundFailed));
        for step in [RefundStep::Confirm, RefundStep::Complete, RefundStep::Fail] {
            assert_eq!(refund.apply(step, now), Err(AlreadyThere(RefundState::Failed)));
        }
    }

    #[test]
    fn the_status_lags_behind_the_bank() {
        let (mut refund, now, lag) = (refund(), refund().created_at, TimeDelta::seconds(5));
        refund.apply(RefundStep::Complete, now).expect("an open refund");
        assert_eq!(refund.as_seen(now + TimeDelta::seconds(4), lag).state, RefundState::Pending);
        assert_eq!(refund.as_seen(now + lag, lag).state, RefundState::Completed);
    }
}
