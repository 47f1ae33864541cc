//! Sub-commands beyond those that every service has.

use std::{io::stdout, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use domain::{
    canonical,
    context::BusinessContext,
    ids::WorkspaceId,
    reduce::{Policy, reduce},
};
use messaging::operator::OperatorCommand;
use serde_json::json;

use crate::{BcmService, manifest::verify::verify};

/// The service's own sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// `dead-letters` and `outbox`.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Recompute the checksums of stored manifests; fails when one does not match.
    Verify(VerifyArgs),
    /// Reduce a business context from a file and print what becomes of it; nothing is stored.
    Reduce {
        /// The context as JSON.
        file: PathBuf,
        /// Tokeniser and budget.
        #[arg(long, default_value_t = Policy::default())]
        policy: Policy,
    },
}

/// Which manifests.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct VerifyArgs {
    /// Those of one workspace.
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// Those of every workspace.
    #[arg(long)]
    all: bool,
}

impl Command {
    pub(crate) async fn run(self, app: &Arc<BcmService>) -> anyhow::Result<ExitCode> {
        match self {
            Self::Operator(command) => return Ok(command.run(&app.kit, &mut stdout()).await?),
            Self::Verify(VerifyArgs { workspace, .. }) => {
                let report = verify(app, workspace).await?;
                for (workspace, sequence) in &report.damaged {
                    println!("damaged {workspace} {sequence}");
                }
                println!("{} versions, {} damaged", report.versions, report.damaged.len());
                ensure!(report.damaged.is_empty(), "stored manifests do not match their checksums");
            }
            Self::Reduce { file, policy } => {
                let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let context: BusinessContext = serde_json::from_value(canonical::parse(&bytes)?).context("not a business context")?;
                let reduced = reduce(&context, policy)?;
                let shown = json!({ "checksum": reduced.checksum, "meta": reduced.meta, "content": reduced.content });
                println!("{}", serde_json::to_string_pretty(&shown)?);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
