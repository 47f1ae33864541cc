//! The mails that a subscription's days bring. Each has its purpose, so that none is sent twice.

use domain::{
    plan::price,
    subscription::{SubscriptionState, Term, term::Happening},
};
use mail::Mail;

use crate::{
    mail_template::{self, Content, Subscribed},
    store::subscription::Subscription,
};

/// The mail of what has just happened; `None` for a payer without an address, and for what needs none.
pub(super) fn of(public_url: &str, present: &Subscription, before: &Term, happening: Happening) -> Option<Mail> {
    let (plan, cycle) = before.renewal();
    let ends = present.term.grace_end.unwrap_or(before.period_end);
    let billing_url = format!("{}/settings/billing", public_url.trim_end_matches('/'));
    let facts =
        Subscribed { plan: before.plan, next_plan: plan, next_cycle: cycle, price: price(plan, cycle), ends, billing_url: &billing_url };
    let (what, content) = match (happening, before.status) {
        (Happening::Reminder { .. }, SubscriptionState::Trialing) => ("trial-ending", mail_template::trial_ending(&facts)),
        (Happening::Reminder { .. }, SubscriptionState::PastDue) => ("past-due-again", mail_template::past_due(&facts)),
        (Happening::Reminder { .. }, _) => ("renewal-due", mail_template::renewal_due(&facts)),
        (Happening::PastDue, _) => ("past-due", mail_template::past_due(&facts)),
        (Happening::Expired, _) => ("ended", mail_template::ended(&facts)),
        (Happening::Renewed, _) => return None,
    };
    let purpose = format!("subscription-{what}/{}/{}/{}", present.id, before.period_end.timestamp(), present.term.reminded);
    mail(present, purpose, content)
}

/// Tells that the subscription was canceled.
pub(super) fn canceled(public_url: &str, present: &Subscription, purpose: &str) -> Option<Mail> {
    let term = &present.term;
    let billing_url = format!("{}/settings/billing", public_url.trim_end_matches('/'));
    let facts = Subscribed {
        plan: term.plan,
        next_plan: term.plan,
        next_cycle: term.cycle,
        price: price(term.plan, term.cycle),
        ends: term.period_end,
        billing_url: &billing_url,
    };
    mail(present, format!("subscription-canceled/{}/{purpose}", present.id), mail_template::canceled(&facts))
}

fn mail(present: &Subscription, purpose_key: String, content: Content) -> Option<Mail> {
    let recipient = present.contact_email.clone()?;
    let Content { subject, text, html } = content;
    Some(Mail { purpose_key, recipient, subject, html, text, attachment: None, workspace: Some(present.workspace) })
}
