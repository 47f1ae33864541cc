//! `reports transactions | settlement`: what PhonePe moved for us, to compare with its dashboard and for the accountant.

use std::io::Write;

use anyhow::ensure;
use chrono::{DateTime, Days, NaiveDate, Utc};
use clap::Subcommand;
use domain::{
    financial_year::{day_in_india, start_of_day_in_india},
    ids::WorkspaceId,
    money::Paise,
};

use crate::{app::App, report, store::ledger};

/// `reports transactions | settlement`.
#[derive(Debug, Clone, Subcommand)]
pub enum ReportsCommand {
    /// Payments and refunds as CSV, the oldest first. Days are those of India.
    Transactions {
        /// The first day, such as 2026-11-01.
        #[arg(long, value_name = "DAY")]
        from: NaiveDate,
        /// The last day; without it, today.
        #[arg(long, value_name = "DAY")]
        to: Option<NaiveDate>,
        /// Only of this workspace.
        #[arg(long, value_name = "ID")]
        workspace: Option<WorkspaceId>,
    },
    /// What one day should bring to the bank account, before PhonePe's fees, and where the accounts stand after it.
    Settlement {
        /// The day in India; without it, yesterday.
        #[arg(long, value_name = "DAY")]
        day: Option<NaiveDate>,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

impl ReportsCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When the days are the wrong way round, or the database refuses.
    pub async fn run(&self, app: &App, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let today = day_in_india(app.kit.clock.now());
        let mut connection = app.kit.worker_db.get().await?;
        match self {
            Self::Transactions { from, to, workspace } => {
                let to = to.unwrap_or(today);
                ensure!(*from <= to, "--from is after --to");
                let movements = ledger::movements(&mut connection, *workspace, start_of_day_in_india(*from), end_of(to)).await?;
                out.write_all(report::transactions_csv(&movements).as_bytes())?;
            }
            Self::Settlement { day, json } => {
                let day = day.or_else(|| today.pred_opt()).unwrap_or(today);
                let movements = ledger::movements(&mut connection, None, start_of_day_in_india(day), end_of(day)).await?;
                let balances = ledger::balances(&mut connection, end_of(day)).await?;
                let settlement = report::Settlement::of(day, &movements, &balances);
                if *json {
                    writeln!(out, "{}", serde_json::to_string(&settlement)?)?;
                } else {
                    write(out, &settlement)?;
                }
            }
        }
        Ok(())
    }
}

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    start_of_day_in_india(day.checked_add_days(Days::new(1)).unwrap_or(day))
}

fn write(out: &mut (dyn Write + Send), settlement: &report::Settlement) -> std::io::Result<()> {
    writeln!(out, "{}", settlement.day)?;
    for cause in &settlement.causes {
        writeln!(out, "  {:<14} {:>6} {:>18}", cause.cause, cause.count, Paise::new(cause.amount).to_string())?;
    }
    writeln!(out, "  {:<14} {:>6} {:>18}", "net", "", Paise::new(settlement.net).to_string())?;
    writeln!(out, "accounts after it (a debit is positive)")?;
    for balance in &settlement.accounts {
        writeln!(out, "  {:<14} {:>25}", balance.account, Paise::new(balance.amount).to_string())?;
    }
    Ok(())
}
