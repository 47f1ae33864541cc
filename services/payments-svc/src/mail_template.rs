//! The mails that this service sends, as text and HTML that reads well in a plain inbox.

use chrono::{DateTime, Utc};
use domain::{ids::OrderId, money::Money, plan::PlanCode};
use mail::escape_html;

const CONFIRMATION_TEXT: &str = include_str!("mail_template/payment_confirmation.txt");
const CONFIRMATION_HTML: &str = include_str!("mail_template/payment_confirmation.html");

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
    Content {
        subject: format!("Payment received: {} plan, {}", plan_name(facts.plan), facts.price),
        text: values.iter().fold(CONFIRMATION_TEXT.to_owned(), |text, (name, value)| text.replace(name, value)),
        html: values.iter().fold(CONFIRMATION_HTML.to_owned(), |html, (name, value)| html.replace(name, &escape_html(value))),
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
    fn no_placeholder_is_left_and_values_cannot_become_markup() {
        let content = confirmation("https://app.example.com/?a=1&b=<script>");
        assert!(!content.text.contains("{{") && !content.html.contains("{{"));
        assert!(content.html.contains("a=1&amp;b=&lt;script&gt;") && !content.html.contains("<script"));
    }
}
