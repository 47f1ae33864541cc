//! The mails that this service sends, as text and HTML that reads well in a plain inbox.

use chrono::{DateTime, Utc};
use domain::{
    ids::{OrderId, RefundId},
    money::Money,
    plan::PlanCode,
};
use mail::escape_html;

const CONFIRMATION_TEXT: &str = include_str!("mail_template/payment_confirmation.txt");
const CONFIRMATION_HTML: &str = include_str!("mail_template/payment_confirmation.html");
const REFUND_TEXT: &str = include_str!("mail_template/refund.txt");
const REFUND_HTML: &str = include_str!("mail_template/refund.html");

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
    let values = [
        ("{{plan}}", plan_name(facts.plan).to_owned()),
        ("{{cycle}}", facts.cycle.to_owned()),
        ("{{amount}}", facts.price.to_string()),
        ("{{order}}", facts.order.to_string()),
        ("{{paid_until}}", facts.paid_until.format("%-d %B %Y").to_string()),
        ("{{next_step_url}}", facts.next_step_url.to_owned()),
    ];
    let subject = format!("Payment received: {} plan, {}", plan_name(facts.plan), facts.price);
    filled(subject, CONFIRMATION_TEXT, CONFIRMATION_HTML, &values)
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
    let values = [
        ("{{plan}}", plan_name(facts.plan).to_owned()),
        ("{{amount}}", facts.amount.to_string()),
        ("{{price}}", facts.price.to_string()),
        ("{{order}}", facts.order.to_string()),
        ("{{refund}}", facts.refund.to_string()),
    ];
    filled(format!("Refund made: {}", facts.amount), REFUND_TEXT, REFUND_HTML, &values)
}

fn filled(subject: String, text: &str, html: &str, values: &[(&str, String)]) -> Content {
    Content {
        subject,
        text: values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value)),
        html: values.iter().fold(html.to_owned(), |html, (name, value)| html.replace(name, &escape_html(value))),
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
