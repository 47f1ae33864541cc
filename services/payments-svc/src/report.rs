//! What the ledger says, for people and spreadsheets.

use std::fmt::Write;

use chrono::{NaiveDate, SecondsFormat};
use domain::financial_year::in_india;
use serde::Serialize;
use uuid::Uuid;

use crate::store::ledger::{Balance, Movement};

const HEADER: &str = "occurred_at,cause,amount_paise,taxable_paise,cgst_paise,sgst_paise,igst_paise,document,workspace_id,order_id,\
                      merchant_order_id,phonepe_transaction_id,refund_id,phonepe_refund_id\n";

/// One line for each payment and refund. Times are India's; amounts are paise, and what went back is negative. No field can hold a
/// comma or a quote: all are ids, numbers and names of ours, but for PhonePe's ids, from which those are taken out.
pub fn transactions_csv(movements: &[Movement]) -> String {
    let mut csv = HEADER.to_owned();
    for movement in movements {
        let at = in_india(movement.occurred_at).to_rfc3339_opts(SecondsFormat::Secs, false);
        let theirs = |id: &Option<String>| id.as_deref().map(plain).unwrap_or_default();
        let _ = writeln!(
            csv,
            "{at},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            movement.cause,
            movement.amount,
            movement.taxable,
            movement.cgst,
            movement.sgst,
            movement.igst,
            movement.document.as_deref().unwrap_or_default(),
            movement.workspace_id,
            movement.order_id,
            movement.merchant_order_id,
            theirs(&movement.provider_transaction_id),
            movement.refund_id.as_ref().map(Uuid::to_string).unwrap_or_default(),
            theirs(&movement.provider_refund_id),
        );
    }
    csv
}

fn plain(id: &str) -> String {
    id.chars().filter(|character| character.is_ascii_alphanumeric() || "-_.".contains(*character)).collect()
}

/// A day's movements of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfCause {
    /// `payment`, `excess`, `refund` or `excess_refund`.
    pub cause: &'static str,
    /// How many.
    pub count: usize,
    /// In paise; what went back is negative.
    pub amount: i64,
}

/// An account after the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfAccount {
    /// The account.
    pub account: String,
    /// In paise; a debit is positive.
    pub amount: i64,
}

/// What a day should bring, before the provider's fees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// The day in India.
    pub day: NaiveDate,
    /// By cause.
    pub causes: Vec<OfCause>,
    /// All of it, in paise.
    pub net: i64,
    /// The accounts after the day; they add up to zero.
    pub accounts: Vec<OfAccount>,
}

impl Settlement {
    /// Sums a day up.
    pub fn of(day: NaiveDate, movements: &[Movement], balances: &[Balance]) -> Self {
        let causes = ["payment", "excess", "refund", "excess_refund"].map(|cause| {
            let of_cause = || movements.iter().filter(|movement| movement.cause == cause);
            OfCause { cause, count: of_cause().count(), amount: of_cause().map(|movement| movement.amount).sum() }
        });
        Self {
            day,
            net: causes.iter().map(|cause| cause.amount).sum(),
            causes: causes.to_vec(),
            accounts: balances.iter().map(|balance| OfAccount { account: balance.account.clone(), amount: balance.amount }).collect(),
        }
    }
}
