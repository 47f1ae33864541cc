//! `orders show | list | reconcile | fix`.

use std::io::Write;

use clap::{Subcommand, ValueEnum};
use domain::{
    ids::{OrderId, WorkspaceId},
    order::OrderState,
};
use serde_json::{Value, json};

use super::{author, seconds};
use crate::{
    app::App,
    payment::{
        confirm::Outcome,
        operate::{self, Decision, Reconciled},
    },
    store::{
        attempt::Attempt,
        invoice,
        order::{self, Order},
        refund,
    },
};

/// `orders show | list | reconcile | fix`.
#[derive(Debug, Clone, Subcommand)]
pub enum OrdersCommand {
    /// Shows an order with its attempts, refunds and documents.
    Show {
        /// The order's id.
        order: OrderId,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists orders, the newest first.
    List {
        /// Only of this workspace.
        #[arg(long, value_name = "ID")]
        workspace: Option<WorkspaceId>,
        /// Only in this state, such as `quarantined`.
        #[arg(long)]
        state: Option<OrderState>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Asks PhonePe about every attempt at the order now, and applies what it says.
    Reconcile {
        /// The order's id.
        order: OrderId,
        /// Only says what PhonePe says.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON for each attempt.
        #[arg(long)]
        json: bool,
    },
    /// Decides about an order that is quarantined, because what was paid is not what was asked.
    Fix {
        /// The order's id.
        order: OrderId,
        /// What is decided.
        #[arg(long = "as", value_enum, value_name = "DECISION")]
        decision: DecisionName,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only says what would become of the order.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What is decided about a quarantined order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecisionName {
    /// The payment is taken. PhonePe has to say now that the order's amount was paid.
    Paid,
    /// The order has failed. Money that PhonePe holds is given back in its dashboard.
    Unpaid,
}

impl OrdersCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such order, or it cannot be done; nothing has happened then.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::Show { order, json } => show(app, *order, *json, out).await,
            Self::List { workspace, state, limit, json } => {
                let mut connection = app.kit.worker_db.get().await?;
                for order in order::list(&mut connection, *workspace, *state, *limit).await? {
                    if *json { writeln!(out, "{}", as_json(&order))? } else { writeln!(out, "{}", line(&order))? }
                }
                Ok(())
            }
            Self::Reconcile { order, dry_run, json } => {
                for reconciled in operate::reconcile(app, *order, *dry_run).await? {
                    write_reconciled(out, &reconciled, *json)?;
                }
                Ok(())
            }
            Self::Fix { order, decision, why, dry_run, json } => {
                let decision = if *decision == DecisionName::Paid { Decision::Accept } else { Decision::Reject };
                let reached = operate::decide(app, *order, decision, &author(why)?, *dry_run).await?;
                if *json {
                    writeln!(out, "{}", json!({ "order_id": order, "state": reached, "dry_run": dry_run }))?;
                } else {
                    writeln!(out, "{order} {} {reached}", if *dry_run { "would become" } else { "is" })?;
                }
                Ok(())
            }
        }
    }
}

async fn show(app: &App, id: OrderId, json: bool, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let (order, attempts) = operate::find(app, id).await?;
    let mut connection = app.kit.worker_db.get().await?;
    let refunds = refund::list(&mut connection, Some(id), false, 100).await?;
    let invoice = invoice::of_order(&mut connection, id).await?;
    let number = invoice.map(|invoice| invoice.number.to_string());
    if json {
        let mut shown = as_json(&order);
        let attempts: Vec<Value> = attempts.iter().map(attempt_json).collect();
        let refunds: Vec<Value> =
            refunds.iter().map(|refund| json!({ "id": refund.id, "state": refund.state, "amount": refund.amount })).collect();
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("attempts".to_owned(), json!(attempts));
            shown.insert("refunds".to_owned(), json!(refunds));
            shown.insert("invoice".to_owned(), json!(number));
        }
        writeln!(out, "{shown}")?;
        return Ok(());
    }
    writeln!(out, "{}", line(&order))?;
    for attempt in &attempts {
        let provider = attempt.provider_order_id.as_deref().unwrap_or("unknown to PhonePe");
        writeln!(out, "  attempt {} {}, {provider}", attempt.id, attempt.state.as_str())?;
    }
    for refund in &refunds {
        writeln!(out, "  refund {} {}, {} rupees", refund.id, refund.state, refund.amount)?;
    }
    if let Some(number) = number {
        writeln!(out, "  invoice {number}")?;
    }
    if let Some(next) = order.next_check_at {
        writeln!(out, "  PhonePe is asked next at {}", seconds(next))?;
    }
    Ok(())
}

fn line(order: &Order) -> String {
    let failure = order.failure_code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    format!(
        "{} {}{failure}, {} {} for {} rupees, workspace {}, made {}",
        order.id,
        order.state,
        order.plan,
        order.cycle,
        order.price.amount,
        order.workspace,
        seconds(order.created_at)
    )
}

fn as_json(order: &Order) -> Value {
    json!({
        "id": order.id, "workspace_id": order.workspace, "plan": order.plan, "cycle": order.cycle, "amount": order.price.amount,
        "state": order.state, "failure_code": order.failure_code, "provider_reference": order.provider_reference,
        "next_check_at": order.next_check_at, "expires_at": order.expires_at, "created_at": order.created_at,
        "completed_at": order.completed_at,
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({ "id": attempt.id.as_str(), "state": attempt.state.as_str(), "provider_order_id": attempt.provider_order_id })
}

fn write_reconciled(out: &mut (dyn Write + Send), reconciled: &Reconciled, json: bool) -> std::io::Result<()> {
    let Reconciled { attempt, status, outcome } = reconciled;
    let outcome = outcome.map(Outcome::as_str);
    if json {
        let said = status.as_ref().map(
            |status| json!({ "state": status.state.as_str(), "amount": status.amount, "provider_order_id": status.provider_order_id }),
        );
        return writeln!(out, "{}", json!({ "attempt": attempt.as_str(), "phonepe": said, "outcome": outcome }));
    }
    let said = status.as_ref().map_or_else(|| "does not know it".to_owned(), |status| format!("says {}", status.state.as_str()));
    match outcome {
        Some(outcome) => writeln!(out, "{attempt}: PhonePe {said}; {outcome}"),
        None => writeln!(out, "{attempt}: PhonePe {said}"),
    }
}
