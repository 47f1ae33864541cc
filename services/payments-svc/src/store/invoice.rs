//! Invoices and credit notes: never changed once issued.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    result::Error as DieselError,
    sql_types::{BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    financial_year::FinancialYear,
    gst::TaxSplit,
    ids::{InvoiceId, OrderId, RefundId, WorkspaceId},
    invoice::{DocumentKind, DocumentNumber},
    money::Paise,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::parse;
use crate::invoice::Invoice;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Integer)]
    financial_year: i32,
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    refund_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    corrects: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    taxable: i64,
    #[diesel(sql_type = BigInt)]
    cgst: i64,
    #[diesel(sql_type = BigInt)]
    sgst: i64,
    #[diesel(sql_type = BigInt)]
    igst: i64,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Timestamptz)]
    issued_at: DateTime<Utc>,
}

impl TryFrom<Row> for Invoice {
    type Error = DieselError;

    fn try_from(row: Row) -> QueryResult<Self> {
        let (taxable, cgst, sgst, igst) = (Paise::new(row.taxable), Paise::new(row.cgst), Paise::new(row.sgst), Paise::new(row.igst));
        Ok(Self {
            id: row.id.into(),
            workspace: row.workspace_id.into(),
            number: DocumentNumber { kind: parse(&row.kind)?, year: FinancialYear::beginning(row.financial_year), n: row.n },
            order: row.order_id.into(),
            refund: row.refund_id.map(RefundId::from_uuid),
            corrects: row.corrects.map(InvoiceId::from_uuid),
            split: TaxSplit { taxable, cgst, sgst, igst },
            content: serde_json::from_value(row.content).map_err(|error| DieselError::DeserializationError(Box::new(error)))?,
            issued_at: row.issued_at,
        })
    }
}

const COLUMNS: &str =
    "id, workspace_id, kind, financial_year, n, order_id, refund_id, corrects, taxable, cgst, sgst, igst, content, issued_at";

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    last: i64,
}

/// The next number of the series. Others wait for it until the transaction ends, so it is taken last.
pub async fn next_number(connection: &mut AsyncPgConnection, kind: DocumentKind, year: FinancialYear) -> QueryResult<DocumentNumber> {
    let Last { last } = sql_query(
        "insert into document_series (kind, financial_year, last) values ($1, $2, 1) \
         on conflict (kind, financial_year) do update set last = document_series.last + 1 returning last",
    )
    .bind::<Text, _>(kind.as_str())
    .bind::<Integer, _>(year.start_year())
    .get_result(connection)
    .await?;
    Ok(DocumentNumber { kind, year, n: last })
}

/// Inserts a document.
pub async fn insert(connection: &mut AsyncPgConnection, invoice: &Invoice) -> QueryResult<usize> {
    let content = serde_json::to_value(&invoice.content).map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    sql_query(
        "insert into invoice (id, workspace_id, kind, financial_year, n, number, order_id, refund_id, corrects, taxable, cgst, sgst, igst, \
         amount, content, issued_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind::<SqlUuid, _>(invoice.id.as_uuid())
    .bind::<SqlUuid, _>(invoice.workspace.as_uuid())
    .bind::<Text, _>(invoice.number.kind.as_str())
    .bind::<Integer, _>(invoice.number.year.start_year())
    .bind::<BigInt, _>(invoice.number.n)
    .bind::<Text, _>(invoice.number.to_string())
    .bind::<SqlUuid, _>(invoice.order.as_uuid())
    .bind::<Nullable<SqlUuid>, _>(invoice.refund.map(RefundId::as_uuid))
    .bind::<Nullable<SqlUuid>, _>(invoice.corrects.map(InvoiceId::as_uuid))
    .bind::<BigInt, _>(invoice.split.taxable.get())
    .bind::<BigInt, _>(invoice.split.cgst.get())
    .bind::<BigInt, _>(invoice.split.sgst.get())
    .bind::<BigInt, _>(invoice.split.igst.get())
    .bind::<BigInt, _>(invoice.split.gross().get())
    .bind::<Jsonb, _>(content)
    .bind::<Timestamptz, _>(invoice.issued_at)
    .execute(connection)
    .await
}

/// A document of a workspace; without one, of any: for the service's own work only.
pub async fn find(connection: &mut AsyncPgConnection, workspace: Option<WorkspaceId>, id: InvoiceId) -> QueryResult<Option<Invoice>> {
    sql_query(format!("select {COLUMNS} from invoice where id = $1 and ($2::uuid is null or workspace_id = $2)"))
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Nullable<SqlUuid>, _>(workspace.map(WorkspaceId::as_uuid))
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Invoice::try_from)
        .transpose()
}

/// The document with the number.
pub async fn find_by_number(connection: &mut AsyncPgConnection, number: &str) -> QueryResult<Option<Invoice>> {
    sql_query(format!("select {COLUMNS} from invoice where number = $1"))
        .bind::<Text, _>(number)
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Invoice::try_from)
        .transpose()
}

/// The invoice of a paid order.
pub async fn of_order(connection: &mut AsyncPgConnection, order: OrderId) -> QueryResult<Option<Invoice>> {
    sql_query(format!("select {COLUMNS} from invoice where order_id = $1 and kind = 'invoice'"))
        .bind::<SqlUuid, _>(order.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Invoice::try_from)
        .transpose()
}

/// The documents of a workspace, the newest first.
pub async fn list(connection: &mut AsyncPgConnection, workspace: WorkspaceId, limit: i64) -> QueryResult<Vec<Invoice>> {
    sql_query(format!("select {COLUMNS} from invoice where workspace_id = $1 order by issued_at desc, id desc limit $2"))
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .bind::<BigInt, _>(limit)
        .get_results::<Row>(connection)
        .await?
        .into_iter()
        .map(Invoice::try_from)
        .collect()
}

#[derive(QueryableByName)]
struct File {
    #[diesel(sql_type = Binary)]
    pdf: Vec<u8>,
}

/// The file that was built before.
pub async fn pdf(connection: &mut AsyncPgConnection, id: InvoiceId) -> QueryResult<Option<Vec<u8>>> {
    let file = sql_query("select pdf from invoice_pdf where invoice_id = $1").bind::<SqlUuid, _>(id.as_uuid());
    Ok(file.get_result::<File>(connection).await.optional()?.map(|file| file.pdf))
}

/// Keeps the first file that was built; returns the one that is kept.
pub async fn keep_pdf(connection: &mut AsyncPgConnection, now: DateTime<Utc>, id: InvoiceId, pdf: Vec<u8>) -> QueryResult<Vec<u8>> {
    let inserted = sql_query("insert into invoice_pdf (invoice_id, pdf, built_at) values ($1, $2, $3) on conflict do nothing")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Binary, _>(&pdf)
        .bind::<Timestamptz, _>(now)
        .execute(connection)
        .await?;
    if inserted == 1 { Ok(pdf) } else { self::pdf(connection, id).await?.ok_or(DieselError::NotFound) }
}

/// Replaces the file.
pub async fn replace_pdf(connection: &mut AsyncPgConnection, now: DateTime<Utc>, id: InvoiceId, pdf: &[u8]) -> QueryResult<usize> {
    sql_query(
        "insert into invoice_pdf (invoice_id, pdf, built_at) values ($1, $2, $3) \
         on conflict (invoice_id) do update set pdf = excluded.pdf, built_at = excluded.built_at",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .bind::<Binary, _>(pdf)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}
