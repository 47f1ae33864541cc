//! `mail suppressed list | lift`: which addresses get no mail.

use std::io::Write;

use chrono::SecondsFormat;
use clap::Subcommand;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use service_kit::{
    Kit,
    audit::{self, Author},
};
use uuid::Uuid;

use crate::suppression::{self, Suppressed};

/// `mail suppressed`.
#[derive(Debug, Clone, Subcommand)]
pub enum MailCommand {
    /// Addresses that get no mail, because one bounced for good or its owner complained: list, lift.
    #[command(subcommand)]
    Suppressed(SuppressedCommand),
}

/// `mail suppressed list | lift`.
#[derive(Debug, Clone, Subcommand)]
pub enum SuppressedCommand {
    /// Lists them, the newest first. An address is shown as long as the mail is kept that it is there for.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Lets an address get mail again, in this service. The provider has a list of its own, in its dashboard.
    Lift {
        /// The address, or its id in the list.
        address: String,
        /// Why, for the audit log. No names of people, no addresses.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

impl MailCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When the address is not on the list, no reason is given, or the database does not answer.
    pub async fn run(&self, kit: &Kit, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let Self::Suppressed(command) = self;
        match command {
            SuppressedCommand::List { limit, json } => {
                let mut connection = kit.worker_db.get().await?;
                for suppressed in suppression::list(&mut connection, *limit).await? {
                    writeln!(out, "{}", if *json { machine(&suppressed) } else { shown(&suppressed) })?;
                }
            }
            SuppressedCommand::Lift { address, why } => {
                let id = lift(kit, address, why).await?;
                writeln!(out, "{id} gets mail again")?;
            }
        }
        Ok(())
    }
}

fn shown(suppressed: &Suppressed) -> String {
    let since = suppressed.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let address = suppressed.recipient.as_deref().unwrap_or("(its mail is gone)");
    format!("{} {address}, {} since {since}", suppressed.id, suppressed.reason)
}

fn machine(suppressed: &Suppressed) -> String {
    let Suppressed { id, reason, created_at, recipient } = suppressed;
    json!({"id": id, "reason": reason, "created_at": created_at, "address": recipient}).to_string()
}

/// The audit log keeps the id alone: whoever knows an address could find its hash there for ever.
async fn lift(kit: &Kit, address: &str, why: &str) -> anyhow::Result<Uuid> {
    anyhow::ensure!(!why.trim().is_empty(), "say why");
    let (now, author) = (kit.clock.now(), Author::of_this_process(why.trim()));
    let mut connection = kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(id) = suppression::lift(connection, address).await? else { anyhow::bail!("the address is not on the list") };
            let resource = format!("mail_suppression/{id}");
            audit::record(connection, now, &author.entry("mail.suppression_lift", &resource, "done", json!({}))).await?;
            Ok(id)
        })
        .await
}
