//! `GET /api/payments/v2/invoices`: invoices and credit notes, as data, page and file.

use std::sync::LazyLock;

use actix_web::{HttpResponse, get, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::InvoiceId};
use serde::Serialize;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    invoice::{Invoice, Printed, account, html},
};

/// The documents of a workspace.
#[derive(Debug, Serialize, ToSchema)]
struct InvoiceList {
    /// The newest first, at most 500.
    invoices: Vec<InvoiceBody>,
}

/// An invoice or a credit note. Amounts are paise.
#[derive(Debug, Serialize, ToSchema)]
struct InvoiceBody {
    invoice_id: Uuid,
    /// `invoice` or `credit_note`.
    #[schema(example = "invoice")]
    kind: &'static str,
    #[schema(example = "GW/26-27/000042")]
    number: String,
    order_id: Uuid,
    /// A credit note's refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<Uuid>,
    /// The invoice that a credit note corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<Uuid>,
    /// With tax.
    #[schema(example = 500_000)]
    amount: i64,
    #[schema(example = 423_728)]
    taxable: i64,
    cgst: i64,
    sgst: i64,
    igst: i64,
    #[schema(example = "INR")]
    currency: &'static str,
    /// The two-digit code of the state.
    #[schema(example = "29")]
    place_of_supply: String,
    #[schema(example = "ascent")]
    plan: &'static str,
    #[schema(example = "monthly")]
    cycle: &'static str,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
    issued_at: DateTime<Utc>,
}

impl From<&Invoice> for InvoiceBody {
    fn from(invoice: &Invoice) -> Self {
        let content = &invoice.content;
        Self {
            invoice_id: invoice.id.as_uuid(),
            kind: invoice.number.kind.as_str(),
            number: invoice.number.to_string(),
            order_id: invoice.order.as_uuid(),
            refund_id: invoice.refund.map(Into::into),
            corrects: invoice.corrects.map(Into::into),
            amount: invoice.split.gross().get(),
            taxable: invoice.split.taxable.get(),
            cgst: invoice.split.cgst.get(),
            sgst: invoice.split.sgst.get(),
            igst: invoice.split.igst.get(),
            currency: domain::money::Currency::Inr.as_str(),
            place_of_supply: content.place_of_supply().to_string(),
            plan: content.plan.as_str(),
            cycle: content.cycle.as_str(),
            period_start: content.period_start,
            period_end: content.period_end,
            issued_at: invoice.issued_at,
        }
    }
}

/// The page runs nothing and loads nothing; its one style is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(html::STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox")
});

async fn invoice_of(app: &App, member: &Member, id: &str) -> Result<Invoice, Problem> {
    let id: InvoiceId = id.parse().map_err(|_| Problem::new(ErrorCode::InvoiceNotFound))?;
    Ok(account::find(&app.kit.db, &member.claims, member.workspace, id).await?)
}

/// The workspace's invoices and credit notes.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The documents", body = InvoiceList),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "Not a workspace of the user", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/invoices")]
pub(super) async fn list_invoices(app: web::Data<App>, member: Member) -> Result<HttpResponse, Problem> {
    let found = account::list(&app.kit.db, &member.claims, member.workspace).await?;
    let invoices = found.iter().map(InvoiceBody::from).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(InvoiceList { invoices }))
}

/// One document.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("invoice_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The document", body = InvoiceBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "No such document in the workspace", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/invoices/{invoice_id}")]
pub(super) async fn get_invoice(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let invoice = invoice_of(&app, &member, &id).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(InvoiceBody::from(&invoice)))
}

/// The document as a page that prints well.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("invoice_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "No such document in the workspace", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/invoices/{invoice_id}/html")]
pub(super) async fn invoice_page(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let invoice = invoice_of(&app, &member, &id).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Content-Security-Policy", POLICY.as_str()))
        .body(html::page(&Printed::from(&invoice))))
}

/// The document as a file.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("invoice_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "PDF/A-2b", body = Vec<u8>, content_type = "application/pdf"),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "No such document in the workspace", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/invoices/{invoice_id}/pdf")]
pub(super) async fn invoice_file(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let invoice = invoice_of(&app, &member, &id).await?;
    let name = format!("attachment; filename=\"{}.pdf\"", invoice.file_name());
    let app = app.into_inner();
    let working = app.clone();
    let file = app.kit.lifecycle.detached(async move { working.files.of(&invoice).await }).await??;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Content-Disposition", name))
        .body(file))
}
