//! A mandate to debit a payer each month, and the debits by it, as pure state machines.
//!
//! As for payments only the provider's own answers move them: a webhook is a hint to ask.

use crate::text_enum::text_enum;

text_enum! {
    /// Where a mandate stands.
    MandateState {
        /// The payer has not approved it yet.
        Pending = "pending",
        /// Debits can be made.
        Active = "active",
        /// The payer paused it.
        Paused = "paused",
        /// The payer took it back.
        Revoked = "revoked",
        /// We ended it.
        Canceled = "canceled",
        /// It was never approved.
        Failed = "failed",
        /// Its time is over.
        Expired = "expired",
    }
}

impl MandateState {
    /// Whether it can still change.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::Paused)
    }

    /// The state after the provider said `told`. What has ended stays ended, and what was approved does not become unapproved.
    #[must_use]
    pub const fn after(self, told: Self) -> Self {
        match (self, told) {
            (Self::Active | Self::Paused, Self::Pending) => self,
            _ if self.is_live() => told,
            _ => self,
        }
    }
}

text_enum! {
    /// Where a debit stands.
    DebitState {
        /// Stored; the payer is to be notified.
        Created = "created",
        /// The provider was asked to notify the payer, or may have been.
        Notifying = "notifying",
        /// The payer knows; the money can be taken a day later.
        Notified = "notified",
        /// The provider was asked to take the money, or may have been: its order tells how it goes.
        Redeeming = "redeeming",
        /// The money was taken.
        Paid = "paid",
        /// It was refused or came to nothing. Another one may be made.
        Failed = "failed",
    }
}

impl DebitState {
    /// Whether money may still move.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Paid | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_ended_and_an_approval_is_not_forgotten() {
        for &from in MandateState::ALL {
            for &told in MandateState::ALL {
                let after = from.after(told);
                let stays = !from.is_live() || told == MandateState::Pending;
                assert_eq!(after, if stays { from } else { told }, "{from} told {told}");
            }
        }
    }
}
