//! `refunds create | list | show`: giving money back.

use std::io::Write;

use anyhow::Context;
use clap::Subcommand;
use domain::{
    ids::{OrderId, RefundId},
    money::Paise,
};
use serde_json::{Value, json};

use super::{author, seconds};
use crate::{
    app::App,
    payment::refund::{self, Wanted},
    phonepe::MerchantOrderId,
    store::refund::{self as store, Refund},
};

/// `refunds create | list | show`.
#[derive(Debug, Clone, Subcommand)]
pub enum RefundsCommand {
    /// Gives back the payment of an order, or a part of it. The running service sends it within a second; `show` says how it
    /// went. A whole refund of the running period ends the subscription.
    Create {
        /// The order's id.
        order: OrderId,
        /// How much, in paise; without it, all that is left.
        #[arg(long, value_name = "PAISE", value_parser = clap::value_parser!(i64).range(1..))]
        amount: Option<i64>,
        /// The attempt whose payment it is, as `<order>-<n>`, for an order that was paid twice.
        #[arg(long, value_name = "ID", value_parser = attempt)]
        attempt: Option<MerchantOrderId>,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only says what would be given back.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists refunds, the newest first.
    List {
        /// Only of this order.
        #[arg(long, value_name = "ID")]
        order: Option<OrderId>,
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows a refund.
    Show {
        /// The refund's id.
        refund: RefundId,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

fn attempt(text: &str) -> Result<MerchantOrderId, &'static str> {
    MerchantOrderId::parse(text).ok_or("an attempt's id is the order's id, a dash and a number")
}

impl RefundsCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such order or refund, or the refund cannot be made; nothing has happened then.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::Create { order, amount, attempt, why, dry_run, json } => {
                let author = author(why)?;
                let wanted = Wanted { order: *order, attempt: attempt.clone(), amount: amount.map(Paise::new) };
                let refund = refund::create(app, &wanted, &author, why.trim(), *dry_run).await?;
                if *dry_run && *json {
                    let would =
                        json!({ "dry_run": true, "order_id": refund.order, "attempt": refund.attempt.as_str(), "amount": refund.amount });
                    writeln!(out, "{would}")?;
                } else if *dry_run {
                    writeln!(out, "would give back {} rupees of {}", refund.amount, refund.attempt)?;
                } else if *json {
                    writeln!(out, "{}", as_json(&refund))?;
                } else {
                    writeln!(out, "{}\nis stored; `refunds show {}` tells how it goes", shown(&refund), refund.id)?;
                }
            }
            Self::List { order, open, limit, json } => {
                let mut connection = app.kit.worker_db.get().await?;
                for refund in store::list(&mut connection, *order, *open, *limit).await? {
                    write(out, &refund, *json)?;
                }
            }
            Self::Show { refund, json } => {
                let mut connection = app.kit.worker_db.get().await?;
                let refund = store::find(&mut connection, *refund).await?.context("there is no such refund")?;
                write(out, &refund, *json)?;
            }
        }
        Ok(())
    }
}

fn write(out: &mut (dyn Write + Send), refund: &Refund, json: bool) -> std::io::Result<()> {
    if json { writeln!(out, "{}", as_json(refund)) } else { writeln!(out, "{}", shown(refund)) }
}

fn shown(refund: &Refund) -> String {
    let made = seconds(refund.created_at);
    let failure = refund.failure_code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    format!("{} {}{failure}, {} rupees of {}, made {made}: {}", refund.id, refund.state, refund.amount, refund.attempt, refund.reason)
}

fn as_json(refund: &Refund) -> Value {
    json!({
        "id": refund.id, "workspace_id": refund.workspace, "order_id": refund.order, "attempt": refund.attempt.as_str(),
        "amount": refund.amount, "state": refund.state, "reason": refund.reason, "provider_refund_id": refund.provider_refund_id,
        "failure_code": refund.failure_code, "created_at": refund.created_at, "updated_at": refund.updated_at,
    })
}
