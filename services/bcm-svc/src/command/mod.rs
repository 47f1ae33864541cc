//! Sub-commands beyond those that every service has.

mod keys;
mod rebuild;
mod verify;

use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Subcommand;
use domain::{
    canonical,
    context::BusinessContext,
    reduce::{Policy, reduce},
};
use messaging::operator::OperatorCommand;
use serde_json::json;

pub use keys::KeysCommand;
pub use rebuild::RebuildArgs;
pub use verify::VerifyArgs;

use crate::{BcmService, signing::verify::plain, tiers::Swept};

/// The service's own sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// `dead-letters` and `outbox`.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Verify a signed export without a network, or recompute the checksums of stored manifests.
    Verify(VerifyArgs),
    /// Reduce a business context from a file and print what becomes of it; nothing is stored.
    Reduce {
        /// The context as JSON, which may be compressed with gzip.
        file: PathBuf,
        /// Tokeniser and budget.
        #[arg(long, default_value_t = Policy::default())]
        policy: Policy,
        /// Print exactly the bytes that are hashed.
        #[arg(long)]
        content: bool,
    },
    /// Make manifests again from their contexts, after a change of the reducer or the policy. Every workspace has at most one
    /// new version of it, however often this runs.
    Rebuild(RebuildArgs),
    /// The keys that sign exports.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look through the manifests in Redis now, as a job does every ten minutes: remove what has no workspace, no life or no place
    /// in the budget. Whatever is removed is read from PostgreSQL when somebody wants it.
    Sweep {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(self, app: &Arc<BcmService>, out: &mut (dyn Write + Send)) -> anyhow::Result<ExitCode> {
        match self {
            Self::Operator(command) => return Ok(command.run(&app.kit, out).await?),
            Self::Verify(arguments) => arguments.run(app, out).await?,
            Self::Reduce { file, policy, content } => {
                let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let context: BusinessContext =
                    serde_json::from_value(canonical::parse(&plain(&bytes)?)?).context("not a business context")?;
                let reduced = reduce(&context, policy)?;
                if content {
                    out.write_all(&reduced.bytes)?;
                } else {
                    let shown = json!({ "checksum": reduced.checksum, "meta": reduced.meta, "content": reduced.content });
                    writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
                }
            }
            Self::Rebuild(arguments) => return arguments.run(app, out).await,
            Self::Keys(command) => command.run(app, out).await?,
            Self::Sweep { json } => {
                let Swept { keys, locks, without_life, orphans, over_budget } = app.tiers.sweep_once().await?;
                if json {
                    let counts = json!({ "versions": keys, "locks": locks, "without_life": without_life, "orphans": orphans, "over_budget": over_budget });
                    writeln!(out, "{counts}")?;
                } else {
                    writeln!(out, "{keys} versions are left; removed: {orphans} orphans, {over_budget} beyond the budget, {locks} locks")?;
                    writeln!(out, "{without_life} would have lived for ever and have a life now")?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
