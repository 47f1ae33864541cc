//! `keys list | rotate`: the keys that sign access tokens.

use std::io::Write;

use anyhow::{Context, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Subcommand;
use serde_json::json;
use service_kit::audit::Author;

use crate::{
    AuthService,
    provider::signing_key::{ListedKey, SHORTEST_NOTICE},
};

/// `keys list | rotate`.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Lists the keys whose tokens may still be alive, in the order in which they sign.
    List {
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Makes a new key. It is published now and signs later, so that whoever verifies tokens knows it before the first one;
    /// tokens of the present key stay good until they expire.
    Rotate {
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Seconds until the new key signs, at least 90. The services ask for new keys every ten minutes.
        #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(i64).range(SHORTEST_NOTICE.num_seconds()..=86_400))]
        after: i64,
    },
}

impl KeysCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When the last rotation is not over, the database does not answer, or another identity provider is used, whose own
    /// tools must be.
    pub async fn run(&self, app: &AuthService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let provider =
            app.provider.as_ref().context("the identity provider is not the embedded one: rotate its keys with its own tools")?;
        match self {
            Self::List { json } => {
                for key in provider.keys.list().await? {
                    writeln!(out, "{}", if *json { machine(&key) } else { shown(&key, app.kit.clock.now()) })?;
                }
            }
            Self::Rotate { why, after } => {
                ensure!(!why.trim().is_empty(), "say why");
                let key = provider.keys.rotate(TimeDelta::seconds(*after), &Author::of_this_process(why)).await?;
                writeln!(out, "{}", shown(&key, app.kit.clock.now()))?;
            }
        }
        Ok(())
    }
}

fn machine(key: &ListedKey) -> String {
    let ListedKey { kid, published_at, signs_from, signs_until, verifies_until } = key;
    json!({ "kid": kid, "published_at": published_at, "signs_from": signs_from, "signs_until": signs_until, "verifies_until": verifies_until })
        .to_string()
}

fn shown(key: &ListedKey, now: DateTime<Utc>) -> String {
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let state = match (key.signs_until, key.verifies_until) {
        (Some(end), Some(gone)) if end <= now => format!("signed until {}, verifies until {}", at(end), at(gone)),
        (Some(end), _) => format!("signs until {}", at(end)),
        (None, _) if key.signs_from > now => format!("published, signs from {} on", at(key.signs_from)),
        (None, _) => "signs".to_owned(),
    };
    format!("{} made {}, {state}", key.kid, at(key.published_at))
}
