//! `rebuild --all | --workspace`: manifests of an older reducer or another policy are made again.

use std::{io::Write, process::ExitCode, sync::Arc, time::Duration};

use anyhow::ensure;
use clap::Args;
use domain::ids::WorkspaceId;
use serde_json::json;
use service_kit::audit::Author;

use crate::{
    BcmService,
    rebuild::upgrade::{Upgrade, outdated, upgrade},
};

/// Which, and how fast.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    which: Which,
    /// At most so many a second.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Only count those that would be.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One workspace or every one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// That of one workspace.
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// Those of every workspace.
    #[arg(long)]
    all: bool,
}

impl RebuildArgs {
    pub(super) async fn run(&self, app: &Arc<BcmService>, out: &mut (dyn Write + Send)) -> anyhow::Result<ExitCode> {
        let why = self.why.as_deref().unwrap_or_default().trim();
        ensure!(self.dry_run || !why.is_empty(), "say why");
        let author = Author::of_this_process(why);
        let pause = Duration::from_secs(1) / self.rate;
        let [mut found, mut new, mut unchanged, mut failed] = [0_u64; 4];
        let mut after = None;
        loop {
            let page = outdated(app, self.which.workspace, after).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            for workspace in page {
                found += 1;
                if self.dry_run {
                    continue;
                }
                let next = tokio::time::Instant::now() + pause;
                match upgrade(app, workspace, &author).await {
                    Ok(Upgrade::New) => new += 1,
                    Ok(Upgrade::Unchanged) => unchanged += 1,
                    Err(error) => {
                        failed += 1;
                        eprintln!("{workspace}: {error}");
                    }
                }
                tokio::time::sleep_until(next).await;
            }
        }
        if self.json {
            let counts = json!({ "found": found, "new": new, "unchanged": unchanged, "failed": failed, "dry_run": self.dry_run });
            writeln!(out, "{counts}")?;
        } else if self.dry_run {
            writeln!(out, "{found} manifests would be made again")?;
        } else {
            writeln!(out, "{found} manifests made again: {new} new versions, {unchanged} unchanged, {failed} failed")?;
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
