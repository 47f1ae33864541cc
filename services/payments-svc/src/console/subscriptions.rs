//! `subscriptions show | cancel | keep`.

use std::io::Write;

use anyhow::Context;
use clap::Subcommand;
use domain::ids::WorkspaceId;
use serde_json::{Value, json};

use super::{author, seconds};
use crate::{
    app::App,
    store::subscription::{self, Subscription},
    subscription::act::{self, Act},
};

/// `subscriptions show | cancel | keep`.
#[derive(Debug, Clone, Subcommand)]
pub enum SubscriptionsCommand {
    /// Shows the subscription of a workspace.
    Show {
        /// The workspace's id.
        workspace: WorkspaceId,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Cancels it at the end of what is paid; nothing is given back.
    Cancel {
        /// The workspace's id.
        workspace: WorkspaceId,
        /// Now, not at the end of the period.
        #[arg(long)]
        now: bool,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only says what would become of it.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes a cancellation back that has not come into force.
    Keep {
        /// The workspace's id.
        workspace: WorkspaceId,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only says what would become of it.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

impl SubscriptionsCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When the workspace has no subscription, or its state does not allow it; nothing has happened then.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let (workspace, act, why, dry_run, json) = match self {
            Self::Show { workspace, json } => {
                let mut connection = app.kit.worker_db.get().await?;
                let found = subscription::find(&mut connection, *workspace).await?;
                return write(out, &found.context("the workspace has no subscription")?, *json, false);
            }
            Self::Cancel { workspace, now, why, dry_run, json } => (workspace, Act::Cancel { at_once: *now }, why, dry_run, json),
            Self::Keep { workspace, why, dry_run, json } => (workspace, Act::Keep, why, dry_run, json),
        };
        let reached = act::by_operator(app, *workspace, act, &author(why)?, *dry_run).await?;
        write(out, &reached, *json, *dry_run)
    }
}

fn write(out: &mut (dyn Write + Send), subscription: &Subscription, json: bool, dry_run: bool) -> anyhow::Result<()> {
    let term = &subscription.term;
    if json {
        let next = term.next.map(|next| json!({ "plan": next.plan, "cycle": next.cycle, "paid": next.paid }));
        let mut line = json!({
            "id": subscription.id, "workspace_id": subscription.workspace, "status": term.status, "plan": term.plan, "cycle": term.cycle,
            "period_start": term.period_start, "period_end": term.period_end, "grace_end": term.grace_end, "order_id": subscription.order,
            "next": next, "next_order_id": subscription.next_order, "due_at": term.due_at(),
        });
        if dry_run && let Some(line) = line.as_object_mut() {
            line.insert("dry_run".to_owned(), Value::Bool(true));
        }
        writeln!(out, "{line}")?;
        return Ok(());
    }
    let would = if dry_run { "would be " } else { "" };
    let (id, end) = (subscription.id, seconds(term.period_end));
    writeln!(out, "{id} {would}{}, {} {} from {} to {end}", term.status, term.plan, term.cycle, seconds(term.period_start))?;
    if let Some(grace) = term.grace_end {
        writeln!(out, "  its grace ends at {}", seconds(grace))?;
    }
    if let Some(next) = term.next {
        writeln!(out, "  then {} {}, {}", next.plan, next.cycle, if next.paid { "paid" } else { "not paid yet" })?;
    }
    if let Some(order) = subscription.order {
        writeln!(out, "  paid by order {order}")?;
    }
    Ok(())
}
