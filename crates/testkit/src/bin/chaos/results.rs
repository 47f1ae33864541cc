//! The results on disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::figures::Run;

/// What is run: a commit that touches nothing here leaves the results valid.
const SOURCES: [&str; 4] = ["crates", "services", "migrations", "deploy"];

/// Runs of one commit with one slack.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// The last commit of the sources, with `-changed` when files differ from it.
    pub commit: String,
    /// By how much bars of time were wider.
    pub slack: f64,
    /// Every run.
    pub runs: Vec<Run>,
    #[serde(skip)]
    path: PathBuf,
}

impl Results {
    /// Those at `path`, when they come from the same sources and slack; else none.
    pub fn begin(path: &Path, root: &Path, slack: f64) -> anyhow::Result<Self> {
        let commit = commit(root)?;
        let same = |old: &Self| old.commit == commit && old.slack.total_cmp(&slack).is_eq();
        let runs = Self::read(path).ok().filter(same).map(|old| old.runs).unwrap_or_default();
        Ok(Self { commit, slack, runs, path: path.to_owned() })
    }

    /// Those at `path`.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read: run `make chaos` first", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not what `chaos run` writes", path.display()))
    }

    /// Takes the runs of a scenario away, which is to be run again.
    pub fn forget(&mut self, scenario: &str) {
        self.runs.retain(|run| run.scenario != scenario);
    }

    /// Adds a run and writes everything.
    pub fn keep(&mut self, run: Run) -> anyhow::Result<()> {
        self.runs.push(run);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, serde_json::to_vec_pretty(self)?).with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

fn commit(root: &Path) -> anyhow::Result<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).arg("--").args(SOURCES).output()?;
        anyhow::ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        anyhow::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = if git(&["status", "--porcelain"])?.is_empty() { "" } else { "-changed" };
    Ok(format!("{}{changed}", git(&["log", "-1", "--format=%h"])?))
}
