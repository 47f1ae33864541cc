//! `webhooks list | replay`.

use std::io::Write;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::OrderId;
use serde_json::json;
use service_kit::audit;
use uuid::Uuid;

use super::{author, seconds};
use crate::{
    app::App,
    store::receipt::{self, Filter, Listed},
};

/// `webhooks list | replay`.
#[derive(Debug, Clone, Subcommand)]
pub enum WebhooksCommand {
    /// Lists stored webhooks, the newest first.
    List {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Works on stored webhooks once more: PhonePe is asked again about what they name.
    Replay {
        /// Which; at least one of these must be given.
        #[command(flatten)]
        which: Which,
        /// At most this many, the newest.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only lists them.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which webhooks.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// This one.
    #[arg(long, value_name = "ID")]
    id: Option<Uuid>,
    /// Those that name an attempt at this order.
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// Those that came at this time or later, such as 2026-11-28T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<DateTime<Utc>>,
    /// Those that wait, or ended with a remark.
    #[arg(long)]
    troubled: bool,
}

impl Which {
    const fn filter(&self) -> Filter {
        Filter { id: self.id, order: self.order, since: self.since, troubled: self.troubled }
    }

    const fn is_everything(&self) -> bool {
        self.id.is_none() && self.order.is_none() && self.since.is_none() && !self.troubled
    }
}

impl WebhooksCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When nothing says which webhooks, or the database refuses; nothing has happened then.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::List { which, limit, json } => {
                let mut connection = app.kit.worker_db.get().await?;
                list(&mut connection, &which.filter(), *limit, *json, out).await
            }
            Self::Replay { which, limit, why, dry_run, json } => {
                ensure!(!which.is_everything(), "say which webhooks: --id, --order, --since or --troubled");
                let (author, filter) = (author(why)?, which.filter());
                let mut connection = app.kit.worker_db.get().await?;
                if *dry_run {
                    return list(&mut connection, &filter, *limit, *json, out).await;
                }
                let now = app.kit.clock.now();
                let replayed = (*connection)
                    .transaction(async |connection: &mut AsyncPgConnection| {
                        let replayed = receipt::replay(connection, now, &filter, *limit).await?;
                        let entry =
                            author.entry("webhooks.replay", "webhooks", "done", json!({ "receipts": replayed, "order": filter.order }));
                        audit::record(connection, now, &entry).await?;
                        Ok::<_, diesel::result::Error>(replayed)
                    })
                    .await?;
                if *json {
                    writeln!(out, "{}", json!({ "replayed": replayed }))?;
                } else {
                    writeln!(out, "{replayed} webhooks are worked on again")?;
                }
                Ok(())
            }
        }
    }
}

async fn list(
    connection: &mut AsyncPgConnection,
    filter: &Filter,
    limit: i64,
    json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    for listed in receipt::list(connection, filter, limit).await? {
        let Listed { id, event, merchant_order_id, received_at, seen_count, attempts, processed_at, last_error } = &listed;
        if json {
            let line = json!({
                "id": id, "event": event, "merchant_order_id": merchant_order_id, "received_at": received_at, "seen": seen_count,
                "attempts": attempts, "processed_at": processed_at, "remark": last_error,
            });
            writeln!(out, "{line}")?;
            continue;
        }
        let (event, about) = (event.as_deref().unwrap_or("no event"), merchant_order_id.as_deref().unwrap_or("nothing known"));
        let worked = if processed_at.is_some() { "worked on" } else { "waits" };
        let remark = last_error.as_deref().map_or_else(String::new, |remark| format!(": {remark}"));
        writeln!(out, "{id} {event} about {about}, received {} and seen {seen_count} times, {worked}{remark}", seconds(*received_at))?;
    }
    Ok(())
}
