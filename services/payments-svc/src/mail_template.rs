//! The mails that this service sends, as text and HTML that reads well in a plain inbox.

use chrono::{DateTime, Utc};
use domain::{
    financial_year::day_in_india,
    ids::{OrderId, RefundId},
    money::Money,
    plan::{Cycle, PlanCode},
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
    /// The number of its invoice.
    pub invoice: &'a str,
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
            ("Paid until", day(facts.paid_until)),
            ("Order", facts.order.to_string()),
            ("Invoice", format!("{}, attached and in your billing settings", facts.invoice)),
        ])
        .says("Next step: onboarding is open. Answer its questions and we build your foundation.")
        .button("Begin onboarding", facts.next_step_url)
        .aside("If you did not make this payment, reply to this mail and quote the order."),
    )
}

/// What the mail about a payment that failed tells.
#[derive(Debug, Clone, Copy)]
pub struct PaymentFailed<'a> {
    /// The plan that was ordered.
    pub plan: PlanCode,
    /// What was to be paid.
    pub price: Money,
    /// The order.
    pub order: OrderId,
    /// Where to try again.
    pub plans_url: &'a str,
}

/// A payment failed: nothing was taken.
pub fn payment_failed(facts: &PaymentFailed<'_>) -> Content {
    let plan = plan_name(facts.plan);
    let first = "Your payment did not go through. If money left your account all the same, it comes back by itself, or your plan begins.";
    Content::of(
        &Layout::new(format!("Payment failed: {plan} plan"), "Your payment did not go through", first)
            .says(first)
            .facts([("Plan", plan.to_owned()), ("Amount", facts.price.to_string()), ("Order", facts.order.to_string())])
            .button("Try again", facts.plans_url),
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

/// What the mails of a subscription tell.
#[derive(Debug, Clone, Copy)]
pub struct Subscribed<'a> {
    /// The plan of the period that ends.
    pub plan: PlanCode,
    /// What a renewal pays for.
    pub next_plan: PlanCode,
    /// For how long.
    pub next_cycle: Cycle,
    /// What it costs.
    pub price: Money,
    /// When access ends.
    pub ends: DateTime<Utc>,
    /// Where to pay, or to change one's mind.
    pub billing_url: &'a str,
}

impl Subscribed<'_> {
    fn offer(&self) -> String {
        let cycle = match self.next_cycle {
            Cycle::Monthly => "a month",
            Cycle::Yearly => "a year",
        };
        format!("The {} plan costs {} for {cycle}, including 18 % GST.", plan_name(self.next_plan), self.price)
    }

    fn notice(&self, subject: String, headline: &str, first: String, second: String, button: &'static str) -> Content {
        Content::of(&Layout::new(subject, headline, first.clone()).says(first).says(second).button(button, self.billing_url))
    }
}

/// A paid period ends soon.
pub fn renewal_due(facts: &Subscribed<'_>) -> Content {
    let (plan, day) = (plan_name(facts.plan), day(facts.ends));
    let first = format!("Your {plan} plan is paid until {day}. Pay for the next period before that day and nothing changes for you.");
    facts.notice(format!("Your {plan} plan ends on {day}"), "Time to renew", first, facts.offer(), "Renew now")
}

/// A trial ends soon.
pub fn trial_ending(facts: &Subscribed<'_>) -> Content {
    let (plan, day) = (plan_name(facts.plan), day(facts.ends));
    let first = format!("Your trial of the {plan} plan ends on {day}. What is left of it is added to the first period that you pay for.");
    facts.notice(format!("Your trial ends on {day}"), "Your trial is almost over", first, facts.offer(), "Choose a plan")
}

/// A period is over and unpaid.
pub fn past_due(facts: &Subscribed<'_>) -> Content {
    let (plan, day) = (plan_name(facts.plan), day(facts.ends));
    let first = format!("The paid period of your {plan} plan is over. Everything works until {day}; then access ends until you pay.");
    facts.notice(format!("Your {plan} plan needs a payment by {day}"), "Your payment is due", first, facts.offer(), "Pay now")
}

/// It is over.
pub fn ended(facts: &Subscribed<'_>) -> Content {
    let plan = plan_name(facts.plan);
    let first = format!("Your {plan} plan has ended. Your answers and your manifest are kept; a payment opens them again.");
    facts.notice(format!("Your {plan} plan has ended"), "Your plan has ended", first, facts.offer(), "Choose a plan")
}

/// It was canceled.
pub fn canceled(facts: &Subscribed<'_>) -> Content {
    let (plan, day) = (plan_name(facts.plan), day(facts.ends));
    let first = format!("Your {plan} plan is canceled. It is paid until {day}; nothing is charged after that.");
    let second = "If you change your mind before that day, you can keep it with one click.".to_owned();
    facts.notice(format!("Your {plan} plan is canceled"), "Your plan is canceled", first, second, "See your plan")
}

/// A day by the calendar of India.
fn day(at: DateTime<Utc>) -> String {
    day_in_india(at).format("%-d %B %Y").to_string()
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
            invoice: "GW/26-27/000042",
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
    fn the_mail_about_a_failed_payment_reads_well() {
        let content = payment_failed(&PaymentFailed {
            plan: PlanCode::Glide,
            price: Money::inr(Paise::new(700_000)),
            order: "019c2d6e-0000-7000-8000-000000000001".parse().unwrap(),
            plans_url: "https://app.example.com/plans",
        });
        insta::assert_snapshot!("payment_failed", format!("{}\n\n{}\n----\n{}", content.subject, content.text, content.html));
    }

    #[test]
    fn the_mails_of_a_subscription_read_well() {
        let facts = Subscribed {
            plan: PlanCode::Ascent,
            next_plan: PlanCode::Glide,
            next_cycle: Cycle::Yearly,
            price: Money::inr(Paise::new(7_000_000)),
            ends: "2027-03-01T20:00:00Z".parse().unwrap(),
            billing_url: "https://app.example.com/settings/billing",
        };
        let mails: Vec<String> = [renewal_due, trial_ending, past_due, ended, canceled]
            .into_iter()
            .map(|mail| {
                let content = mail(&facts);
                assert!(!content.text.contains("{{") && !content.html.contains("{{"));
                format!("{}\n\n{}", content.subject, content.text)
            })
            .collect();
        insta::assert_snapshot!("subscription", format!("{}----\n{}", mails.join("----\n"), renewal_due(&facts).html));
    }

    #[test]
    fn no_placeholder_is_left_and_values_cannot_become_markup() {
        let content = confirmation("https://app.example.com/?a=1&b=<script>");
        assert!(!content.text.contains("{{") && !content.html.contains("{{"));
        assert!(content.html.contains("a=1&amp;b=&lt;script&gt;") && !content.html.contains("<script"));
    }
}
