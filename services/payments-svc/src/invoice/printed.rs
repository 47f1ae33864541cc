//! What stands on a document, in the order in which it is read.

use chrono::{DateTime, Utc};
use domain::{
    financial_year::day_in_india,
    gst::{RATE_PERCENT, Supply},
    invoice::DocumentKind,
    money::{Money, Paise},
    plan::Cycle,
};

use super::{Buyer, Invoice};
use crate::mail_template::plan_name;

/// A document as text. Amounts are written with currency and grouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// `Tax invoice` or `Credit note`.
    pub title: &'static str,
    /// The number.
    pub number: String,
    /// Names and values: date, place of supply, references.
    pub facts: Vec<(&'static str, String)>,
    /// The seller: name first.
    pub seller: Vec<String>,
    /// The buyer: name first.
    pub buyer: Vec<String>,
    /// What was sold.
    pub description: String,
    /// For which days.
    pub period: String,
    /// Its services accounting code.
    pub sac: String,
    /// What is taxed, and each tax.
    pub sums: Vec<(String, String)>,
    /// All of it.
    pub total: String,
    /// The same in words.
    pub words: String,
    /// What else has to be said.
    pub notes: Vec<&'static str>,
}

fn rupees(amount: Paise) -> String {
    Money::inr(amount).to_string()
}

fn day(at: DateTime<Utc>) -> String {
    day_in_india(at).format("%-d %B %Y").to_string()
}

impl From<&Invoice> for Printed {
    fn from(invoice: &Invoice) -> Self {
        let (content, split) = (&invoice.content, invoice.split);
        let place = content.place_of_supply();
        let mut facts = vec![("Date", day(invoice.issued_at)), ("Place of supply", format!("{place} {}", place.name()))];
        if let Some(corrected) = &content.corrects {
            facts.push(("Invoice", format!("{} of {}", corrected.number, day(corrected.issued_at))));
        }
        facts.push(("Order", invoice.order.to_string()));
        if let Some(reference) = &content.provider_reference {
            facts.push((if invoice.refund.is_some() { "PhonePe refund" } else { "PhonePe payment" }, reference.clone()));
        }
        let taxed = |percent: i64, name: &str| format!("{name} {percent} %");
        let mut sums = vec![("Taxable value".to_owned(), rupees(split.taxable))];
        match content.supply() {
            Supply::WithinState => {
                sums.push((taxed(RATE_PERCENT / 2, "CGST"), rupees(split.cgst)));
                sums.push((taxed(RATE_PERCENT / 2, "SGST"), rupees(split.sgst)));
            }
            Supply::BetweenStates => sums.push((taxed(RATE_PERCENT, "IGST"), rupees(split.igst))),
        }
        let cycle = match content.cycle {
            Cycle::Monthly => "one month",
            Cycle::Yearly => "one year",
        };
        let kind = invoice.number.kind;
        Self {
            title: match kind {
                DocumentKind::Invoice => "Tax invoice",
                DocumentKind::CreditNote => "Credit note",
            },
            number: invoice.number.to_string(),
            facts,
            seller: seller(invoice),
            buyer: buyer(content.buyer.as_ref(), invoice),
            description: format!("Groundwork {} plan, {cycle}", plan_name(content.plan)),
            period: format!("{} to {}", day(content.period_start), day(content.period_end)),
            sac: content.seller.sac.clone(),
            sums,
            total: rupees(split.gross()),
            words: split.gross().in_words(),
            notes: match kind {
                DocumentKind::Invoice => vec!["Paid in full through PhonePe.", "Tax is not payable on reverse charge."],
                DocumentKind::CreditNote => vec!["Given back through PhonePe, to where the payment came from."],
            },
        }
    }
}

fn seller(invoice: &Invoice) -> Vec<String> {
    let seller = &invoice.content.seller;
    let mut lines = vec![seller.legal_name.clone()];
    lines.extend(seller.address.iter().cloned());
    lines.push(format!("GSTIN {}", seller.gstin));
    lines.push(seller.email.clone());
    lines
}

fn buyer(buyer: Option<&Buyer>, invoice: &Invoice) -> Vec<String> {
    let Some(buyer) = buyer else {
        return vec!["Unregistered customer".to_owned(), format!("Workspace {}", invoice.workspace)];
    };
    let mut lines = vec![buyer.legal_name.clone()];
    lines.extend(buyer.address.iter().cloned());
    lines.push(format!("{} {}", buyer.state, buyer.state.name()));
    lines.push(buyer.gstin.as_ref().map_or_else(|| "Unregistered".to_owned(), |gstin| format!("GSTIN {gstin}")));
    lines
}
