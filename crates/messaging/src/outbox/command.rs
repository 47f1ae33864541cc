//! The `outbox` sub-command of every service.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use domain::Clock;
use serde_json::json;
use service_kit::audit;

use super::{republish, unpark};

/// `outbox republish | unpark`.
#[derive(Debug, Clone, Subcommand)]
pub enum OutboxCommand {
    /// Publishes again what was published since a moment: after a broker lost its disk.
    Republish {
        /// RFC 3339, for example 2026-11-25T08:00:00Z.
        #[arg(long)]
        since: DateTime<Utc>,
        /// Only counts.
        #[arg(long)]
        dry_run: bool,
    },
    /// Gives events that were given up another twenty tries.
    Unpark,
}

impl OutboxCommand {
    /// Runs the command on a connection whose `search_path` is the service's schema; returns how many rows it moved,
    /// or would move.
    pub async fn run(&self, connection: &mut AsyncPgConnection, clock: &dyn Clock) -> QueryResult<usize> {
        let (action, rows, detail) = match self {
            Self::Republish { since, dry_run: true } => return republish(connection, *since, true).await,
            Self::Republish { since, dry_run: false } => {
                ("outbox.republish", republish(connection, *since, false).await?, json!({ "since": since }))
            }
            Self::Unpark => ("outbox.unpark", unpark(connection).await?, json!({})),
        };
        let entry = audit::Entry {
            workspace: None,
            actor: None,
            action,
            resource: &format!("outbox/{rows} rows"),
            outcome: "done",
            request_id: None,
            detail,
        };
        audit::record(connection, clock.now(), &entry).await?;
        Ok(rows)
    }
}
