//! A refund, as a pure state machine.
//!
//! As for payments only the provider's own answers move it: a webhook is a hint to ask.

use crate::text_enum::text_enum;

text_enum! {
    /// Where a refund stands.
    RefundState {
        /// Stored; the provider is being asked, or the process died while it was.
        Created = "created",
        /// The provider's answer was lost: it may have the refund, and only its status can tell.
        Ambiguous = "ambiguous",
        /// The provider has it.
        Pending = "pending",
        /// The bank has it.
        Confirmed = "confirmed",
        /// The money is back.
        Completed = "completed",
        /// Refused, or it failed: another one has to be made, under a new id.
        Failed = "failed",
    }
}

text_enum! {
    /// What the provider says of a refund.
    RefundNews {
        /// It has it.
        Accepted = "accepted",
        /// Nothing: its answer was lost.
        Unanswered = "unanswered",
        /// The bank has it.
        Confirmed = "confirmed",
        /// The money is back.
        Completed = "completed",
        /// It refused it, or could not carry it out.
        Failed = "failed",
    }
}

/// News that contradict the present state. The refund stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a refund that is {from} cannot be {news}")]
pub struct IllegalTransition {
    /// The state, which stays.
    pub from: RefundState,
    /// What was refused.
    pub news: RefundNews,
}

impl RefundState {
    /// The state after `news`. What it contains already changes nothing; an end that contradicts another is an error, to be
    /// looked at by a person.
    pub const fn apply(self, news: RefundNews) -> Result<Self, IllegalTransition> {
        use RefundState::{Ambiguous, Completed, Confirmed, Created, Failed, Pending};
        Ok(match (self, news) {
            (Created | Ambiguous, RefundNews::Accepted) => Pending,
            (Created | Ambiguous, RefundNews::Unanswered) => Ambiguous,
            (Created | Ambiguous | Pending | Confirmed, RefundNews::Confirmed) => Confirmed,
            (Created | Ambiguous | Pending | Confirmed, RefundNews::Completed) => Completed,
            (Created | Ambiguous | Pending | Confirmed, RefundNews::Failed) => Failed,

            (Pending | Confirmed | Completed | Failed, RefundNews::Accepted | RefundNews::Unanswered)
            | (Completed | Failed, RefundNews::Confirmed)
            | (Completed, RefundNews::Completed)
            | (Failed, RefundNews::Failed) => self,

            (Completed, RefundNews::Failed) | (Failed, RefundNews::Completed) => return Err(IllegalTransition { from: self, news }),
        })
    }

    /// Whether money may still move: the order may not have another refund meanwhile.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Failed)
    }
}
