//! The commands of operators at the console. Each writes one line for people or, with `--json`, one line of JSON for each thing;
//! what changes something has a dry run and wants a reason for the audit log.

pub mod invoices;
pub mod orders;
pub mod refunds;
pub mod reports;
pub mod subscriptions;
pub mod webhooks;

use anyhow::ensure;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use service_kit::audit::Author;

use crate::payment::refund::MAX_REASON;

/// The commands of this service alone.
#[derive(Debug, Clone, Subcommand)]
pub enum Console {
    /// Orders: show, list, reconcile with PhonePe, fix.
    #[command(subcommand)]
    Orders(orders::OrdersCommand),
    /// Money that is given back: create, list, show.
    #[command(subcommand)]
    Refunds(refunds::RefundsCommand),
    /// Webhooks that were received: list, replay.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Subscriptions: show, cancel, keep.
    #[command(subcommand)]
    Subscriptions(subscriptions::SubscriptionsCommand),
    /// Invoices and credit notes: list, show, build their files again.
    #[command(subcommand)]
    Invoices(invoices::InvoicesCommand),
    /// What PhonePe moved, as CSV or for one day.
    #[command(subcommand)]
    Reports(reports::ReportsCommand),
}

impl Console {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// With a message for a person; nothing has happened then.
    pub async fn run(&self, app: &crate::App, out: &mut (dyn std::io::Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::Orders(command) => command.run(app, out).await,
            Self::Refunds(command) => command.run(app, out).await,
            Self::Webhooks(command) => command.run(app, out).await,
            Self::Subscriptions(command) => command.run(app, out).await,
            Self::Invoices(command) => command.run(app, out).await,
            Self::Reports(command) => command.run(app, out).await,
        }
    }
}

/// Who acts, and why.
fn author(why: &str) -> anyhow::Result<Author> {
    let why = why.trim();
    ensure!(!why.is_empty() && why.chars().count() <= MAX_REASON, "say why, in at most {MAX_REASON} characters");
    Ok(Author::of_this_process(why))
}

fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
