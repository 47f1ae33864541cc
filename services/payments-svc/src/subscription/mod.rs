//! The subscription of a workspace in time: what a day brings ([`lapse`]), and what its payer or an operator does ([`act`]).

pub mod act;
pub mod lapse;
mod notice;

use domain::event::{Event, SubscriptionEvent};

use crate::store::subscription::Subscription;

/// The data of a subscription's event.
pub(crate) fn event_data(subscription: &Subscription) -> SubscriptionEvent {
    let term = &subscription.term;
    SubscriptionEvent {
        workspace_id: subscription.workspace,
        subscription_id: subscription.id,
        plan: term.plan.into(),
        cycle: term.cycle.into(),
        status: term.status.into(),
        period_start: term.period_start,
        period_end: term.period_end,
        grace_end: term.grace_end,
        entitlements: term.plan.entitlements(),
    }
}

/// Makes an event of the subscription as it is now.
pub(crate) fn event(kind: fn(SubscriptionEvent) -> Event, subscription: &Subscription) -> Event {
    kind(event_data(subscription))
}
