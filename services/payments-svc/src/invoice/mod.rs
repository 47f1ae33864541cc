//! Tax documents: an invoice for each payment of a period, a credit note for each part of it that is given back.
//!
//! A document is content that never changes once it is issued; [`Printed`] says what stands on it, and [`html`] and [`pdf`] set
//! that. What CGST Rules 46 and 53 ask for is there: names, addresses and registration of both sides, number and date, the
//! service and its SAC, what is taxed, rate and amount of each tax, place of supply.

pub mod account;
pub mod file;
pub mod html;
pub mod issue;
pub mod pdf;
mod printed;

use chrono::{DateTime, Utc};
use domain::{
    gst::{Gstin, State, Supply, TaxSplit},
    ids::{InvoiceId, OrderId, RefundId, WorkspaceId},
    invoice::DocumentNumber,
    plan::{Cycle, PlanCode},
    subscription::Term,
};
use serde::{Deserialize, Serialize};

pub use printed::Printed;

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seller {
    /// As registered.
    pub legal_name: String,
    /// Lines.
    pub address: Vec<String>,
    /// Its registration, which also says its state.
    pub gstin: Gstin,
    /// Where questions go.
    pub email: String,
    /// The services accounting code of what is sold.
    pub sac: String,
}

/// Who a document is made out to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// As registered.
    pub legal_name: String,
    /// For a registered business.
    pub gstin: Option<Gstin>,
    /// Lines, postal code included.
    pub address: Vec<String>,
    /// The place of supply.
    pub state: State,
}

/// The days that a payment pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// When they begin.
    pub start: DateTime<Utc>,
    /// When they end.
    pub end: DateTime<Utc>,
}

impl Period {
    /// The present period of a subscription.
    pub const fn of(term: &Term) -> Self {
        Self { start: term.period_start, end: term.period_end }
    }
}

/// The invoice that a credit note corrects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Its number.
    pub number: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
}

/// What is printed, besides the amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Who sold.
    pub seller: Seller,
    /// Who bought, where the workspace had said so.
    pub buyer: Option<Buyer>,
    /// The plan.
    pub plan: PlanCode,
    /// The cycle.
    pub cycle: Cycle,
    /// When the paid period begins.
    pub period_start: DateTime<Utc>,
    /// When it ends.
    pub period_end: DateTime<Utc>,
    /// The provider's id of the payment, or of the refund.
    pub provider_reference: Option<String>,
    /// On a credit note, the invoice.
    pub corrects: Option<Corrected>,
}

impl Content {
    /// Where the service is supplied to: the buyer's state and, where that is not known, the seller's (IGST Act, section 12).
    pub fn place_of_supply(&self) -> State {
        self.buyer.as_ref().map_or_else(|| self.seller.gstin.state(), |buyer| buyer.state)
    }

    /// Which taxes are due.
    pub fn supply(&self) -> Supply {
        self.seller.gstin.state().supply_to(self.place_of_supply())
    }
}

/// An invoice or a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Its number, which says which of the two it is.
    pub number: DocumentNumber,
    /// The order that was paid.
    pub order: OrderId,
    /// A credit note's refund.
    pub refund: Option<RefundId>,
    /// The invoice that a credit note corrects.
    pub corrects: Option<InvoiceId>,
    /// The amounts.
    pub split: TaxSplit,
    /// What is printed.
    pub content: Content,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
}

impl Invoice {
    /// A name for its file, without ending.
    pub fn file_name(&self) -> String {
        self.number.to_string().replace('/', "-")
    }
}

#[cfg(test)]
mod tests;
