//! Mails that tell of a payment or a refund.

use domain::{money::Money, plan::Cycle};
use mail::Mail;

use crate::{
    invoice::{Invoice, file::attachment_of},
    mail_template,
    store::{order::Order, refund::Refund},
};

/// The confirmation of a paid order; `None` for a payer without an address.
pub(super) fn confirmation(public_url: &str, order: &Order, invoice: &Invoice) -> Option<Mail> {
    let recipient = order.payer_email.clone()?;
    let content = mail_template::payment_confirmation(&mail_template::PaymentConfirmation {
        plan: order.plan,
        cycle: match order.cycle {
            Cycle::Monthly => "monthly",
            Cycle::Yearly => "yearly",
        },
        price: order.price,
        order: order.id,
        invoice: &invoice.number.to_string(),
        paid_until: invoice.content.period_end,
        next_step_url: &format!("{}/onboarding", public_url.trim_end_matches('/')),
    });
    Some(Mail {
        purpose_key: format!("payment-confirmation/{}", order.id),
        recipient,
        subject: content.subject,
        html: content.html,
        text: content.text,
        attachment: Some(attachment_of(invoice.id)),
        workspace: Some(order.workspace),
    })
}

/// Tells that a payment failed; `None` for a payer without an address.
pub(super) fn failure(public_url: &str, order: &Order) -> Option<Mail> {
    let recipient = order.payer_email.clone()?;
    let content = mail_template::payment_failed(&mail_template::PaymentFailed {
        plan: order.plan,
        price: order.price,
        order: order.id,
        plans_url: &format!("{}/plans", public_url.trim_end_matches('/')),
    });
    Some(Mail {
        purpose_key: format!("payment-failed/{}", order.id),
        recipient,
        subject: content.subject,
        html: content.html,
        text: content.text,
        attachment: None,
        workspace: Some(order.workspace),
    })
}

/// Tells that money is on its way back; `None` for a payer without an address.
pub(super) fn refund(order: &Order, refund: &Refund) -> Option<Mail> {
    let recipient = order.payer_email.clone()?;
    let content = mail_template::refund(&mail_template::Refunded {
        plan: order.plan,
        amount: Money { amount: refund.amount, currency: order.price.currency },
        price: order.price,
        order: order.id,
        refund: refund.id,
    });
    Some(Mail {
        purpose_key: format!("refund/{}", refund.id),
        recipient,
        subject: content.subject,
        html: content.html,
        text: content.text,
        attachment: None,
        workspace: Some(order.workspace),
    })
}
