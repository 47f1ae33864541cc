//! The subscription of a workspace, as a pure state machine. It begins as trialing or, with its first payment, as active.

use chrono::{DateTime, Utc};

use crate::text_enum::text_enum;

pub mod period;
pub mod term;

pub use term::Term;

text_enum! {
    /// Where a subscription stands.
    SubscriptionState {
        /// A trial runs.
        Trialing = "trialing",
        /// Paid for the present period.
        Active = "active",
        /// The period is over and unpaid; access lasts until the grace ends.
        PastDue = "past_due",
        /// The payer paused the mandate.
        Paused = "paused",
        /// Will not renew; access lasts until the period ends.
        Canceled = "canceled",
        /// Over. A new payment starts it again.
        Expired = "expired",
    }
}

text_enum! {
    /// What can happen to a subscription.
    Change {
        /// A period was paid: the first, a renewal, or a return.
        Paid = "paid",
        /// A renewal was tried and failed.
        RenewalFailed = "renewal_failed",
        /// The payer paused the mandate.
        Paused = "paused",
        /// The payer lifted the pause.
        Resumed = "resumed",
        /// Canceled, at the period's end or now (then the period ends now).
        Canceled = "canceled",
        /// The present period, or trial, is over and the next is not paid.
        PeriodEnded = "period_ended",
        /// The grace after the period is over.
        GraceEnded = "grace_ended",
        /// The present period was refunded in full.
        Refunded = "refunded",
        /// A cancellation that had not come into force was taken back.
        Kept = "kept",
    }
}

/// A change that the present state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subscription that is {from} cannot take {change}")]
pub struct IllegalTransition {
    /// The state, which stays.
    pub from: SubscriptionState,
    /// What was refused.
    pub change: Change,
}

impl SubscriptionState {
    /// The state after `change`.
    pub const fn apply(self, change: Change) -> Result<Self, IllegalTransition> {
        use SubscriptionState::{Active, Canceled, Expired, PastDue, Paused, Trialing};
        Ok(match (self, change) {
            (_, Change::Paid) | (Paused, Change::Resumed) | (Canceled, Change::Kept) => Active,
            (Active, Change::RenewalFailed | Change::PeriodEnded) | (PastDue, Change::RenewalFailed) => PastDue,
            (Active | PastDue, Change::Paused) => Paused,
            (Trialing | Active | PastDue | Paused, Change::Canceled) => Canceled,
            (Trialing | Paused | Canceled, Change::PeriodEnded)
            | (PastDue, Change::GraceEnded)
            | (Active | PastDue | Paused | Canceled, Change::Refunded) => Expired,
            _ => return Err(IllegalTransition { from: self, change }),
        })
    }

    /// Whether the workspace may use what it pays for at `now`.
    ///
    /// Trialing and active hold until a change says otherwise, so that a late renewal event cuts nobody off;
    /// past due holds until `grace_end`, canceled until `period_end` (both exclusive).
    pub fn entitled(self, now: DateTime<Utc>, period_end: DateTime<Utc>, grace_end: Option<DateTime<Utc>>) -> bool {
        match self {
            Self::Trialing | Self::Active => true,
            Self::PastDue => grace_end.is_some_and(|end| now < end),
            Self::Canceled => now < period_end,
            Self::Paused | Self::Expired => false,
        }
    }
}
