//! `verify FILE`, `verify --workspace | --all`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use domain::{
    canonical::{self, Checksum},
    ids::WorkspaceId,
};
use serde_json::json;

use crate::{
    BcmService,
    manifest::verify::verify as verify_stored,
    signing::verify::{Trust, claimed_key, plain, verify},
};

/// What is verified, and by whose keys.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    what: What,
    /// The key set to believe: what GET /api/context/keys gave, in a file.
    #[arg(long, value_name = "FILE", env = "GROUNDWORK_MANIFEST_KEYS")]
    keys: Option<PathBuf>,
    /// The thumbprint of the key to believe, instead of a key set; the file brings the key.
    #[arg(long, value_name = "THUMBPRINT", conflicts_with_all = ["workspace", "all"])]
    kid: Option<String>,
    /// The checksum that a file without a signature must have. With keys to believe a signature is asked for, and this is refused.
    #[arg(long, value_name = "SHA256", conflicts_with_all = ["workspace", "all", "kid", "keys"])]
    checksum: Option<Checksum>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A file or what is stored.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A signed export, which may be compressed with gzip. Neither database nor network is asked.
    file: Option<PathBuf>,
    /// The stored manifests of one workspace.
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// The stored manifests of every workspace.
    #[arg(long)]
    all: bool,
}

impl VerifyArgs {
    pub(super) async fn run(&self, app: &BcmService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match &self.what.file {
            Some(file) => self.of_file(file, out),
            None => self.of_stored(app, out).await,
        }
    }

    fn of_file(&self, file: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let bytes = plain(&bytes)?;
        if let Some(expected) = self.checksum {
            let actual = Checksum::of(&canonical::value_to_bytes(&canonical::parse(&bytes)?)?);
            ensure!(actual == expected, "the content has the checksum {actual}, not {expected}");
            let shown = json!({ "verified": "checksum", "checksum": actual }).to_string();
            writeln!(out, "{}", if self.json { shown } else { format!("the content has the checksum {actual}") })?;
            return Ok(());
        }
        let verified = verify(&bytes, &self.trust(&bytes)?)?;
        let record = &verified.record;
        if self.json {
            writeln!(out, "{}", json!({ "verified": "signature", "kid": verified.kid, "record": record }))?;
        } else {
            writeln!(
                out,
                "version {} ({}) of workspace {}, checksum {}, signed with {}",
                record.version, record.sequence, record.workspace_id, record.checksum, verified.kid
            )?;
        }
        Ok(())
    }

    fn trust(&self, bytes: &[u8]) -> anyhow::Result<Trust> {
        if let Some(kid) = &self.kid {
            return Ok(Trust::Thumbprint(kid.clone()));
        }
        let Some(keys) = &self.keys else {
            match claimed_key(bytes) {
                Some(kid) => bail!(
                    "whose keys are to be believed? Give --keys FILE (what GET /api/context/keys gave), or --kid if you know that {kid} is genuine"
                ),
                None => bail!("not signed: it is no file of an export with signed=true; --checksum verifies one that is not"),
            }
        };
        let text = std::fs::read(keys).with_context(|| format!("cannot read {}", keys.display()))?;
        Ok(Trust::Keys(canonical::parse(&text).with_context(|| format!("{} is no key set", keys.display()))?))
    }

    async fn of_stored(&self, app: &BcmService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let report = verify_stored(app, self.what.workspace).await?;
        if self.json {
            let one = |(workspace, sequence): &(WorkspaceId, u64)| json!({ "workspace": workspace, "sequence": sequence });
            let damaged: Vec<_> = report.damaged.iter().map(one).collect();
            writeln!(out, "{}", json!({ "versions": report.versions, "damaged": damaged }))?;
        } else {
            for (workspace, sequence) in &report.damaged {
                writeln!(out, "damaged {workspace} {sequence}")?;
            }
            writeln!(out, "{} versions, {} damaged", report.versions, report.damaged.len())?;
        }
        ensure!(report.damaged.is_empty(), "stored manifests do not match their checksums");
        Ok(())
    }
}
