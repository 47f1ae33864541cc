//! `invoices list | show | rebuild-pdf`.

use std::{fs, io::Write, path::PathBuf};

use anyhow::Context;
use clap::Subcommand;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::WorkspaceId;
use serde_json::{Value, json};
use service_kit::audit;

use super::{author, seconds};
use crate::{
    app::App,
    invoice::{Invoice, Printed, pdf},
    store::invoice as store,
};

/// `invoices list | show | rebuild-pdf`.
#[derive(Debug, Clone, Subcommand)]
pub enum InvoicesCommand {
    /// Lists the documents of a workspace, the newest first.
    List {
        /// The workspace's id.
        #[arg(long, value_name = "ID")]
        workspace: WorkspaceId,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows a document.
    Show {
        /// Its number, such as GW/26-27/000042.
        number: String,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sets the document's file again, after a mend of its layout. What is printed does not change.
    RebuildPdf {
        /// Its number, such as GW/26-27/000042.
        number: String,
        /// Writes the file here as well.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Keeps the file that payers get as it is.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

impl InvoicesCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such document, or its file cannot be set or written; nothing is kept then.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let mut connection = app.kit.worker_db.get().await?;
        match self {
            Self::List { workspace, limit, json } => {
                for invoice in store::list(&mut connection, *workspace, *limit).await? {
                    write(out, &invoice, *json)?;
                }
            }
            Self::Show { number, json } => write(out, &find(&mut connection, number).await?, *json)?,
            Self::RebuildPdf { number, out: path, why, dry_run, json } => {
                let author = author(why)?;
                let invoice = find(&mut connection, number).await?;
                let file = pdf::file(&Printed::from(&invoice), invoice.issued_at)?;
                if let Some(path) = path {
                    fs::write(path, &file).with_context(|| format!("{} cannot be written", path.display()))?;
                }
                let same = store::pdf(&mut connection, invoice.id).await?.is_some_and(|kept| kept == file);
                if !*dry_run {
                    let now = app.kit.clock.now();
                    (*connection)
                        .transaction(async |connection: &mut AsyncPgConnection| {
                            store::replace_pdf(connection, now, invoice.id, &file).await?;
                            let resource = format!("invoice/{}", invoice.id);
                            let entry = author.entry("invoice.rebuild_pdf", &resource, "done", json!({ "changed": !same }));
                            audit::record(connection, now, &audit::Entry { workspace: Some(invoice.workspace), ..entry }).await?;
                            Ok::<_, diesel::result::Error>(())
                        })
                        .await?;
                }
                if *json {
                    let line = json!({ "number": number, "bytes": file.len(), "changed": !same, "dry_run": dry_run });
                    writeln!(out, "{line}")?;
                } else {
                    let difference = if same { "the same as before" } else { "different from before" };
                    writeln!(out, "{number}: {} bytes, {difference}{}", file.len(), if *dry_run { "; nothing was kept" } else { "" })?;
                }
            }
        }
        Ok(())
    }
}

async fn find(connection: &mut AsyncPgConnection, number: &str) -> anyhow::Result<Invoice> {
    store::find_by_number(connection, number).await?.context("there is no such document")
}

fn write(out: &mut (dyn Write + Send), invoice: &Invoice, json: bool) -> std::io::Result<()> {
    if json {
        return writeln!(out, "{}", as_json(invoice));
    }
    let (number, kind, split) = (invoice.number, invoice.number.kind, invoice.split);
    let buyer = if invoice.content.buyer.is_some() { "with billing details" } else { "without billing details" };
    writeln!(
        out,
        "{number} {kind} of {} rupees, {} of it tax, order {}, issued {}, {buyer}",
        split.gross(),
        split.tax(),
        invoice.order,
        seconds(invoice.issued_at)
    )
}

fn as_json(invoice: &Invoice) -> Value {
    let split = invoice.split;
    json!({
        "id": invoice.id, "number": invoice.number.to_string(), "kind": invoice.number.kind, "workspace_id": invoice.workspace,
        "order_id": invoice.order, "refund_id": invoice.refund, "corrects": invoice.corrects, "amount": split.gross(),
        "taxable": split.taxable, "cgst": split.cgst, "sgst": split.sgst, "igst": split.igst,
        "place_of_supply": invoice.content.place_of_supply(), "issued_at": invoice.issued_at,
    })
}
