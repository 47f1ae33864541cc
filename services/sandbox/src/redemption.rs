//! One debit of a mandate: the customer is notified, a day later the money is taken.

use chrono::{DateTime, Days, FixedOffset, NaiveTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    mandate::Terms,
    order::{AlreadySettled, Attempt, Failure, Flow, Mode, Order, OrderState},
};

/// No debit sooner than this after the customer was told of it.
const NOTICE: TimeDelta = TimeDelta::hours(24);
/// After the last try failed, for a merchant who tries again themselves.
const RETRY_PAUSE: TimeDelta = TimeDelta::minutes(90);
/// One try and three more.
const TRIES_MAX: usize = 4;
/// Indian time.
const IST_OFFSET_S: i32 = 19_800;

const NOT_NOTIFIED: Failure = Failure {
    code: "UPI_BACKBONE_ERROR",
    detailed_code: "XC",
    source: "SYSTEM",
    stage: "NOTIFICATION",
    description: "The customer could not be notified",
};
const NO_MONEY: Failure = Failure {
    code: "INSUFFICIENT_BALANCE",
    detailed_code: "Z9",
    source: "CUSTOMER",
    stage: "DEBIT",
    description: "The account has too little money",
};

/// Who tries again when a debit fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RetryStrategy {
    /// `PhonePe`.
    #[default]
    Standard,
    /// The merchant.
    Custom,
}

/// What an order has more when it is a debit.
#[derive(Debug, Clone)]
pub(crate) struct Redemption {
    pub terms: Terms,
    pub retry: RetryStrategy,
    /// `PhonePe` takes the money by itself when the time has come.
    pub auto_debit: bool,
    pub notified_at: Option<DateTime<Utc>>,
    /// The customer paused the mandate after the notification: it has to be notified anew, as another order.
    pub void: bool,
}

impl Redemption {
    /// When the money may be taken.
    pub fn valid_after(&self) -> Option<DateTime<Utc>> {
        self.notified_at.map(|at| at + NOTICE)
    }
}

/// What the customer's bank does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedemptionStep {
    /// Tells the customer of the debit.
    Notify,
    /// Cannot tell the customer, which ends it.
    FailNotification,
    /// Gives the money.
    Succeed,
    /// Does not give it this time; it is tried again.
    FailAttempt,
    /// Does not give it, and that was the last try.
    Fail,
}

/// Why a debit is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedeemRefused {
    #[error("the redemption order is {}", .0.as_str())]
    State(OrderState),
    #[error("24 hours have not passed since the customer was notified")]
    TooEarly,
    #[error("the order has expired")]
    Expired,
    #[error("the mandate was paused after the notification: notify again")]
    Void,
    #[error("with autoDebit PhonePe takes the money by itself")]
    AutoDebit,
    #[error("all tries are used up")]
    NoTryLeft,
    #[error("a retry needs 90 minutes after the last try and an off-peak hour")]
    NotNow,
}

impl Order {
    pub fn redemption(&self) -> Option<&Redemption> {
        match &self.flow {
            Flow::Redemption(redemption) => Some(redemption),
            Flow::Checkout | Flow::Setup { .. } => None,
        }
    }

    pub fn redemption_mut(&mut self) -> Option<&mut Redemption> {
        match &mut self.flow {
            Flow::Redemption(redemption) => Some(redemption),
            Flow::Checkout | Flow::Setup { .. } => None,
        }
    }

    /// Applies what the bank did and returns the events that the merchant is told, in this order.
    pub fn apply_step(
        &mut self,
        step: RedemptionStep,
        transaction_id: String,
        now: DateTime<Utc>,
    ) -> Result<&'static [Event], AlreadySettled> {
        match (self.state, step) {
            (OrderState::NotificationInProgress, RedemptionStep::Notify) => {
                self.state = OrderState::Notified;
                if let Some(redemption) = self.redemption_mut() {
                    // As precise as the merchant is told: a redemption at the very instant of validAfter is not too early.
                    redemption.notified_at = Some(now.trunc_subsecs(3));
                }
                Ok(&[Event::NotificationCompleted])
            }
            (OrderState::NotificationInProgress, RedemptionStep::FailNotification) => {
                self.settle(OrderState::Failed, Some(NOT_NOTIFIED), now);
                Ok(&[Event::NotificationFailed])
            }
            (OrderState::Pending, RedemptionStep::Succeed) => {
                self.settle(OrderState::Completed, None, now);
                self.end_attempt(OrderState::Completed, transaction_id, now);
                Ok(&[Event::DebitAttemptCompleted, Event::DebitCompleted])
            }
            (OrderState::Pending, RedemptionStep::FailAttempt) => {
                self.end_attempt(OrderState::Failed, transaction_id, now);
                Ok(&[Event::DebitAttemptFailed])
            }
            (OrderState::Pending, RedemptionStep::Fail) => {
                self.settle(OrderState::Failed, Some(NO_MONEY), now);
                self.end_attempt(OrderState::Failed, transaction_id, now);
                Ok(&[Event::DebitAttemptFailed, Event::DebitFailed])
            }
            (state, _) => Err(AlreadySettled(state)),
        }
    }

    /// The attempt that is under way, or the next one, which PhonePe made itself.
    fn end_attempt(&mut self, state: OrderState, transaction_id: String, now: DateTime<Utc>) {
        let under_way = self.attempts.pop_if(|attempt| attempt.state == OrderState::Pending);
        self.attempts.push(Attempt {
            transaction_id: under_way.map_or(transaction_id, |attempt| attempt.transaction_id),
            mode: Mode::Upi,
            state,
            at: now,
            failure: (state == OrderState::Failed).then_some(NO_MONEY),
        });
    }

    /// Whether the merchant may have the money taken now.
    pub fn may_redeem(&self, now: DateTime<Utc>) -> Result<(), RedeemRefused> {
        let Some(redemption) = self.redemption() else { return Err(RedeemRefused::State(self.state)) };
        if redemption.auto_debit {
            return Err(RedeemRefused::AutoDebit);
        }
        if now >= self.expire_at {
            return Err(RedeemRefused::Expired);
        }
        let last_failed = self.attempts.last().filter(|attempt| attempt.state == OrderState::Failed);
        match (self.state, last_failed) {
            (OrderState::Notified, _) => self.is_due(now),
            (OrderState::Pending, Some(failed)) if redemption.retry == RetryStrategy::Custom => {
                if self.attempts.len() >= TRIES_MAX {
                    Err(RedeemRefused::NoTryLeft)
                } else if now - failed.at < RETRY_PAUSE || !is_off_peak(now) {
                    Err(RedeemRefused::NotNow)
                } else {
                    Ok(())
                }
            }
            (state, _) => Err(RedeemRefused::State(state)),
        }
    }

    /// Whether the customer was told long enough ago and has not paused since.
    fn is_due(&self, now: DateTime<Utc>) -> Result<(), RedeemRefused> {
        match self.redemption() {
            Some(redemption) if redemption.void => Err(RedeemRefused::Void),
            Some(redemption) if redemption.valid_after().is_some_and(|at| now >= at) => Ok(()),
            _ => Err(RedeemRefused::TooEarly),
        }
    }

    /// Whether `PhonePe` takes the money by itself now. That a clock was moved beyond the order's end does not hinder it.
    pub fn is_due_by_itself(&self, now: DateTime<Utc>) -> bool {
        self.state == OrderState::Notified && self.redemption().is_some_and(|it| it.auto_debit) && self.is_due(now).is_ok()
    }

    /// The debit begins.
    pub fn begin_debit(&mut self, transaction_id: String, now: DateTime<Utc>) {
        self.state = OrderState::Pending;
        self.attempts.push(Attempt { transaction_id, mode: Mode::Upi, state: OrderState::Pending, at: now, failure: None });
    }
}

/// 21:31 to 09:59 and 13:01 to 16:59 Indian time, to the minute.
fn is_off_peak(now: DateTime<Utc>) -> bool {
    let Some(zone) = FixedOffset::east_opt(IST_OFFSET_S) else { return true };
    let minute = now.with_timezone(&zone).time().signed_duration_since(NaiveTime::MIN).num_minutes();
    !(600..=780).contains(&minute) && !(1020..=1290).contains(&minute)
}

/// The end of a debit order: what was asked, but at most two days after the notification was.
pub(crate) fn expiry(asked: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let latest = now.checked_add_days(Days::new(2)).unwrap_or(now);
    asked.map_or(latest, |asked| asked.min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_peak_is_at_night_and_in_the_afternoon_in_india() {
        for (time, off_peak) in [
            ("21:30:59", false),
            ("21:31:00", true),
            ("09:59:59", true),
            ("10:00:00", false),
            ("13:00:59", false),
            ("13:01:00", true),
            ("16:59:59", true),
            ("17:00:00", false),
        ] {
            let at = DateTime::parse_from_rfc3339(&format!("2026-03-01T{time}+05:30")).expect("a time");
            assert_eq!(is_off_peak(at.to_utc()), off_peak, "{time}");
        }
    }
}
