//! Issuing documents, in the transaction in which the money became certain.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{financial_year::FinancialYear, gst::TaxSplit, ids::InvoiceId, invoice::DocumentKind, money::Paise};

use super::{Content, Corrected, Invoice, Period, Seller};
use crate::{
    payment::StoreError,
    phonepe::MerchantOrderId,
    store::{
        billing_details, invoice,
        ledger::{self, Cause, Posting},
        order::Order,
        refund::Refund,
    },
};

/// The invoice of an order that `attempt` has just paid, and its posting.
pub async fn invoice(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    seller: &Seller,
    order: &Order,
    attempt: &MerchantOrderId,
    reference: Option<&str>,
    period: Period,
) -> Result<Invoice, StoreError> {
    let content = Content {
        seller: seller.clone(),
        buyer: billing_details::find(connection, order.workspace).await?,
        plan: order.plan,
        cycle: order.cycle,
        period_start: period.start,
        period_end: period.end,
        provider_reference: reference.map(str::to_owned),
        corrects: None,
    };
    let split = TaxSplit::of(order.price.amount, content.supply());
    let posting = Posting { cause: Cause::Payment(split), workspace: order.workspace, order: order.id, attempt, refund: None };
    ledger::post(connection, now, posting).await?;
    let issued = Invoice {
        id: InvoiceId::generate(),
        workspace: order.workspace,
        number: invoice::next_number(connection, DocumentKind::Invoice, FinancialYear::at(now)).await?,
        order: order.id,
        refund: None,
        corrects: None,
        split,
        content,
        issued_at: now,
    };
    invoice::insert(connection, &issued).await?;
    Ok(issued)
}

/// The credit note of a refund that has just been completed, and its posting. `before` is what of the payment had been given back.
pub async fn credit_note(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    original: &Invoice,
    refund: &Refund,
    reference: Option<&str>,
    before: Paise,
) -> Result<Invoice, StoreError> {
    let content = Content {
        provider_reference: reference.map(str::to_owned),
        corrects: Some(Corrected { number: original.number.to_string(), issued_at: original.issued_at }),
        ..original.content.clone()
    };
    let split = TaxSplit::of_refund(before, refund.amount, content.supply());
    let posting = Posting {
        cause: Cause::Refund(split),
        workspace: original.workspace,
        order: original.order,
        attempt: &refund.attempt,
        refund: Some(refund.id),
    };
    ledger::post(connection, now, posting).await?;
    let issued = Invoice {
        id: InvoiceId::generate(),
        workspace: original.workspace,
        number: invoice::next_number(connection, DocumentKind::CreditNote, FinancialYear::at(now)).await?,
        order: original.order,
        refund: Some(refund.id),
        corrects: Some(original.id),
        split,
        content,
        issued_at: now,
    };
    invoice::insert(connection, &issued).await?;
    Ok(issued)
}
