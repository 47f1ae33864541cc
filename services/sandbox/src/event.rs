//! What the merchant is told of.

/// What happened to an order, a refund or a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    OrderCompleted,
    OrderFailed,
    AttemptFailed,
    RefundAccepted,
    RefundCompleted,
    RefundFailed,
    /// Only of the API family without a pay page; the other one has [`Self::OrderCompleted`].
    SetupCompleted,
    /// As [`Self::SetupCompleted`].
    SetupFailed,
    NotificationCompleted,
    NotificationFailed,
    DebitAttemptCompleted,
    DebitAttemptFailed,
    DebitCompleted,
    DebitFailed,
    MandatePaused,
    MandateUnpaused,
    MandateRevoked,
    MandateCancelled,
}

impl Event {
    /// `event` of the envelope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderCompleted => "checkout.order.completed",
            Self::OrderFailed => "checkout.order.failed",
            Self::AttemptFailed => "checkout.transaction.attempt.failed",
            Self::RefundAccepted => "pg.refund.accepted",
            Self::RefundCompleted => "pg.refund.completed",
            Self::RefundFailed => "pg.refund.failed",
            Self::SetupCompleted => "subscription.setup.order.completed",
            Self::SetupFailed => "subscription.setup.order.failed",
            Self::NotificationCompleted => "subscription.notification.completed",
            Self::NotificationFailed => "subscription.notification.failed",
            Self::DebitAttemptCompleted => "subscription.redemption.transaction.completed",
            Self::DebitAttemptFailed => "subscription.redemption.transaction.failed",
            Self::DebitCompleted => "subscription.redemption.order.completed",
            Self::DebitFailed => "subscription.redemption.order.failed",
            Self::MandatePaused => "subscription.paused",
            Self::MandateUnpaused => "subscription.unpaused",
            Self::MandateRevoked => "subscription.revoked",
            Self::MandateCancelled => "subscription.cancelled",
        }
    }
}

/// `type` of the envelope, which is deprecated and still sent: the event's name in capitals.
pub(crate) fn legacy_type(event: &str) -> String {
    event.to_ascii_uppercase().replace('.', "_")
}
