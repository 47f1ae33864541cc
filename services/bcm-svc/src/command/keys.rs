//! `keys list | rotate | export`: the keys that sign exports.

use std::io::Write;

use anyhow::ensure;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use serde_json::json;
use service_kit::audit::Author;

use crate::BcmService;

/// What is done with them.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Lists every key, the one that signs first.
    List {
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Makes a new key, which signs from now on; within a minute in every process. Files of the old one verify for ever, and
    /// its private half is destroyed.
    Rotate {
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Prints the public keys as a JSON Web Key Set, as GET /api/context/keys does: for `verify FILE --keys`.
    Export,
}

impl KeysCommand {
    pub(super) async fn run(&self, app: &BcmService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::List { json } => {
                for key in app.signing.list().await? {
                    if *json {
                        writeln!(out, "{}", json!({ "kid": key.kid, "made_at": key.created_at, "signed_until": key.retired_at }))?;
                    } else {
                        let state = key.retired_at.map_or_else(|| "signs".to_owned(), |end| format!("signed until {}", at(end)));
                        writeln!(out, "{} made {}, {state}", key.kid, at(key.created_at))?;
                    }
                }
            }
            Self::Rotate { why } => {
                ensure!(!why.trim().is_empty(), "say why");
                let kid = app.signing.rotate(&Author::of_this_process(why)).await?;
                writeln!(out, "{kid} signs")?;
            }
            Self::Export => writeln!(out, "{}", serde_json::to_string_pretty(&app.signing.current().await?.key_set)?)?,
        }
        Ok(())
    }
}

fn at(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
