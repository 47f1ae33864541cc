//! The chain of the audit log: sealed by a job, verified by a command.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::Subcommand;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Integer, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{Db, DbError, sql_query},
    kit::Kit,
};

const EVERY: Duration = Duration::from_secs(10);
/// Entries of one transaction of the job.
const AT_ONCE: i32 = 500;

/// The audit log.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum AuditCommand {
    /// Check that no sealed entry was changed or taken away.
    ///
    /// Entries are sealed every ten seconds; those that wait are counted. Exit codes: 0 the log is whole, 1 it is not.
    Verify {
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// An entry that is not what was sealed.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Fault {
    /// The workspace whose chain it is in; the nil id for entries of none.
    #[diesel(sql_type = SqlUuid)]
    pub chain: Uuid,
    /// Its place in the chain.
    #[diesel(sql_type = BigInt)]
    pub seal_no: i64,
    /// The entry.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// What is wrong with it.
    #[diesel(sql_type = Text)]
    pub fault: String,
}

#[derive(QueryableByName)]
struct Sealed {
    #[diesel(sql_type = Integer)]
    sealed: i32,
}

#[derive(QueryableByName)]
struct Extent {
    #[diesel(sql_type = BigInt)]
    sealed: i64,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
    #[diesel(sql_type = BigInt)]
    chains: i64,
}

/// Seals what waits; returns how many entries.
///
/// # Errors
/// When the database does not answer.
pub async fn seal(db: &Db) -> Result<i32, DbError> {
    let mut connection = db.get().await?;
    let row = sql_query("select audit_seal($1) as sealed").bind::<Integer, _>(AT_ONCE).get_result::<Sealed>(&mut connection).await?;
    Ok(row.sealed)
}

/// Sealed entries that are not what was sealed.
///
/// # Errors
/// When the database does not answer.
pub async fn faults(db: &Db) -> Result<Vec<Fault>, DbError> {
    let mut connection = db.get().await?;
    Ok(sql_query("select chain, seal_no, id, fault from audit_faults()").load(&mut connection).await?)
}

/// Seals until the process drains. Any number of processes may: one at a time does the work.
pub(crate) fn start(kit: &Kit) {
    let (db, draining) = (kit.worker_db.clone(), kit.lifecycle.draining());
    kit.lifecycle.spawn_service("audit-seal", async move {
        while draining.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            loop {
                match seal(&db).await {
                    Ok(sealed) if sealed == AT_ONCE && !draining.is_cancelled() => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(error = %error, "the audit log is sealed later");
                        break;
                    }
                }
            }
        }
    });
}

impl AuditCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When the database does not answer or nothing can be written.
    pub async fn run(self, kit: &Kit, out: &mut (dyn Write + Send)) -> Result<ExitCode, AuditError> {
        let Self::Verify { json } = self;
        let extent = {
            let mut connection = kit.worker_db.get().await?;
            let sql = "select count(*) filter (where hash is not null) as sealed, count(*) filter (where hash is null) as waiting, \
                         count(distinct chain) filter (where hash is not null) as chains from audit_log";
            sql_query(sql).get_result::<Extent>(&mut connection).await.map_err(DbError::from)?
        };
        let faults = faults(&kit.worker_db).await?;
        if json {
            let listed: Vec<_> = faults
                .iter()
                .map(|fault| json!({"chain": fault.chain, "seal_no": fault.seal_no, "id": fault.id, "fault": fault.fault}))
                .collect();
            let report = json!({"sealed": extent.sealed, "waiting": extent.waiting, "chains": extent.chains, "faults": listed});
            writeln!(out, "{report}")?;
        } else {
            for fault in &faults {
                writeln!(out, "entry {} (number {} of {}): {}", fault.id, fault.seal_no, fault.chain, fault.fault)?;
            }
            let Extent { sealed, waiting, chains } = extent;
            let verdict = if faults.is_empty() { "whole" } else { "NOT whole" };
            writeln!(
                out,
                "the audit log of {} is {verdict}: {sealed} entries sealed in {chains} chains, {waiting} wait",
                kit.identity.name
            )?;
        }
        Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Why the log was not verified.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The answer cannot be written.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}
