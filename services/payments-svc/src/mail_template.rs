//! The mails that this service sends, as text and HTML that reads well in a plain inbox.

use chrono::{DateTime, Utc};
use domain::{
    ids::{OrderId, RefundId},
    money::Money,
    plan::PlanCode,
};
use mail::Layout;

/// A mail without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The subject.
    pub subject: String,
    /// The text body.
    pub text: String,
    /// The HTML body.
    pub html: String,
}

/// What the confirmation of a payment tells.
#[derive(Debug, Clone, Copy)]
pub struct PaymentConfirmation<'a> {
    /// The plan that was paid.
    pub plan: PlanCode,
    /// `monthly` or `yearly`.
    pub cycle: &'a str,
    /// What was paid.
    pub price: Money,
    /// The order.
    pub order: OrderId,
    /// When the paid period ends.
    pub paid_until: DateTime<Utc>,
    /// Where to go on.
    pub next_step_url: &'a str,
}

/// The display name of a plan.
pub const fn plan_name(plan: PlanCode) -> &'static str {
    match plan {
        PlanCode::Ascent => "Ascent",
        PlanCode::Glide => "Glide",
        PlanCode::Soar => "Soar",
    }
}

/// The confirmation of a payment.
pub fn payment_confirmation(facts: &PaymentConfirmation<'_>) -> Content {
    let plan = plan_name(facts.plan);
    Content::of(
        &Layout::new(
            format!("Payment received: {plan} plan, {}", facts.price),
            "Thank you. Your payment has arrived.",
            "Onboarding is open: answer its questions and we build your foundation.",
        )
        .facts([
            ("Plan", format!("{plan} ({})", facts.cycle)),
            ("Amount", format!("{}, including 18 % GST", facts.price)),
            ("Paid until", facts.paid_until.format("%-d %B %Y").to_string()),
            ("Order", facts.order.to_string()),
        ])
        .says("Next step: onboarding is open. Answer its questions and we build your foundation.")
        .button("Begin onboarding", facts.next_step_url)
        .aside("If you did not make this payment, reply to this mail and quote the order."),
    )
}

/// What a mail about a refund tells.
#[derive(Debug, Clone, Copy)]
pub struct Refunded {
    /// The plan that was paid.
    pub plan: PlanCode,
    /// What is given back.
    pub amount: Money,
    /// What was paid.
    pub price: Money,
    /// The order.
    pub order: OrderId,
    /// The refund.
    pub refund: RefundId,
}

/// Money is on its way back.
pub fn refund(facts: &Refunded) -> Content {
    Content::of(
        &Layout::new(
            format!("Refund made: {}", facts.amount),
            "We have given money back to you.",
            "It goes back the way it came: to the account or card you paid with.",
        )
        .facts([
            ("Refund", format!("{} of {}", facts.amount, facts.price)),
            ("Plan", plan_name(facts.plan).to_owned()),
            ("Order", facts.order.to_string()),
            ("Reference", facts.refund.to_string()),
        ])
        .says("It goes back the way it came: to the account or card you paid with. Banks take some days to show it.")
        .aside("If it does not arrive, reply to this mail and quote the reference."),
    )
}

impl Content {
    fn of(layout: &Layout) -> Self {
        Self { subject: layout.subject().to_owned(), text: layout.text(), html: layout.html() }
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Paise;

    use super::*;

    fn confirmation(next_step_url: &str) -> Content {
        payment_confirmation(&PaymentConfirmation {
            plan: PlanCode::Soar,
            cycle: "yearly",
            price: Money::inr(Paise::new(10_000_000)),
            order: "019c2d6e-0000-7000-8000-000000000001".parse().unwrap(),
            paid_until: "2027-03-01T10:00:00Z".parse().unwrap(),
            next_step_url,
        })
    }

    #[test]
    fn the_payment_confirmation_reads_well() {
        let content = confirmation("https://app.example.com/onboarding");
        insta::assert_snapshot!("payment_confirmation", format!("{}\n\n{}\n----\n{}", content.subject, content.text, content.html));
    }

    #[test]
    fn the_mail_about_a_refund_reads_well() {
        let content = refund(&Refunded {
            plan: PlanCode::Glide,
            amount: Money::inr(Paise::new(350_000)),
            price: Money::inr(Paise::new(700_000)),
            order: "019c2d6e-0000-7000-8000-000000000001".parse().unwrap(),
            refund: "019c2d6e-0000-7000-8000-000000000002".parse().unwrap(),
        });
        assert!(!content.text.contains("{{") && !content.html.contains("{{"));
        insta::assert_snapshot!("refund", format!("{}\n\n{}\n----\n{}", content.subject, content.text, content.html));
    }

    #[test]
    fn no_placeholder_is_left_and_values_cannot_become_markup() {
        let content = confirmation("https://app.example.com/?a=1&b=<script>");
        assert!(!content.text.contains("{{") && !content.html.contains("{{"));
        assert!(content.html.contains("a=1&amp;b=&lt;script&gt;") && !content.html.contains("<script"));
    }
}
