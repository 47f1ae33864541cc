//! A payment order, as a pure state machine.
//!
//! Money is believed on one authority only: the provider's Status API. A webhook is a hint to ask it.

use crate::text_enum::text_enum;

text_enum! {
    /// Where an order stands.
    OrderState {
        /// Stored; the provider was not asked yet.
        Created = "created",
        /// The provider was asked, or may have been: the truth is to be found by asking for the status.
        Pending = "pending",
        /// Paid.
        Completed = "completed",
        /// Refused, or not paid.
        Failed = "failed",
        /// Not paid in time, or abandoned.
        Expired = "expired",
        /// A refund is under way.
        RefundPending = "refund_pending",
        /// All of it was given back.
        Refunded = "refunded",
        /// A part of it was given back.
        PartiallyRefunded = "partially_refunded",
        /// What the provider says does not match what we asked; an operator decides.
        Quarantined = "quarantined",
    }
}

text_enum! {
    /// Who says so.
    Evidence {
        /// The answer to our own request to pay.
        PayAnswer = "pay_answer",
        /// The provider's Order Status API.
        StatusApi = "status_api",
        /// A webhook: never enough to move an order.
        Webhook = "webhook",
    }
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEvent {
    /// An attempt was sent to the provider, whose answer was yes or ambiguous.
    Submitted,
    /// The payment succeeded.
    Paid(Evidence),
    /// The payment failed, or the provider refused it.
    Failed(Evidence),
    /// The time to pay is over.
    Expired,
    /// The payer gave the order up to make another.
    Abandoned,
    /// Amount, currency or id differ from what we asked.
    Mismatched,
    /// An operator looked at what did not match, and takes the payment.
    Accepted,
    /// An operator looked at what did not match, and does not take the payment.
    Rejected,
    /// A refund was requested.
    RefundRequested,
    /// A refund was carried out.
    RefundCompleted {
        /// Whether everything captured has now been given back.
        full: bool,
    },
    /// A refund failed.
    RefundFailed {
        /// The state in which it was requested, to which the order returns.
        requested_in: OrderState,
    },
}

/// An event that the present state does not allow. The order stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot take {event:?}")]
pub struct IllegalTransition {
    /// The state, which stays.
    pub from: OrderState,
    /// What was refused.
    pub event: OrderEvent,
}

impl OrderState {
    /// The state after `event`.
    ///
    /// Late news that a state already contains (paid again, expired after failed) changes nothing; news that contradicts
    /// it (failed after paid) is an error, to be looked at by a person.
    pub const fn apply(self, event: OrderEvent) -> Result<Self, IllegalTransition> {
        use Evidence::{PayAnswer, StatusApi};
        use OrderState::{Completed, Created, Expired, Failed, PartiallyRefunded, Pending, Quarantined, Refunded};
        Ok(match (self, event) {
            (Created | Pending, OrderEvent::Submitted) => Pending,

            (Created | Pending | Failed | Expired, OrderEvent::Paid(StatusApi)) | (Quarantined, OrderEvent::Accepted) => Completed,
            (Created | Pending, OrderEvent::Failed(StatusApi | PayAnswer)) | (Quarantined, OrderEvent::Rejected) => Failed,
            (Created | Pending, OrderEvent::Expired | OrderEvent::Abandoned) => Expired,
            (Created | Pending | Failed | Expired, OrderEvent::Mismatched) => Quarantined,

            (Completed | Self::RefundPending | Refunded | PartiallyRefunded, OrderEvent::Paid(StatusApi))
            | (Failed | Expired, OrderEvent::Failed(StatusApi | PayAnswer) | OrderEvent::Expired)
            | (Quarantined, OrderEvent::Mismatched) => self,

            (Completed | PartiallyRefunded | Quarantined, OrderEvent::RefundRequested) => Self::RefundPending,
            (Self::RefundPending, OrderEvent::RefundCompleted { full: true }) => Refunded,
            (Self::RefundPending, OrderEvent::RefundCompleted { full: false }) => PartiallyRefunded,
            (Self::RefundPending, OrderEvent::RefundFailed { requested_in: before @ (Completed | PartiallyRefunded | Quarantined) }) => {
                before
            }

            _ => return Err(IllegalTransition { from: self, event }),
        })
    }

    /// Whether the payer can still pay: the workspace may not open another order meanwhile.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Pending)
    }

    /// Whether nothing further is expected. A late success or a refund may still come.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Created | Self::Pending | Self::RefundPending)
    }
}
