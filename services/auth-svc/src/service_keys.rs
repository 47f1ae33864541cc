//! `service-keys create | list | revoke`: which servers may manage accounts (`/auth/v1/admin`).

use std::io::Write;

use anyhow::{Context, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use service_kit::audit::{self, Author};
use uuid::Uuid;

use crate::{
    AuthService,
    provider::service_role,
    store::service_key::{self as store, ServiceKey},
};

/// As in the table.
const NAME_MAX_CHARS: usize = 100;

/// `service-keys create | list | revoke`.
#[derive(Debug, Clone, Subcommand)]
pub enum ServiceKeysCommand {
    /// Makes a key for a server of yours. It is shown once: whoever has it can do anything to any account.
    Create {
        /// Which server it is for.
        name: String,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// One line of JSON with the key in it.
        #[arg(long)]
        json: bool,
    },
    /// Lists the keys, without what opens.
    List {
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Ends a key at once.
    Revoke {
        /// The key's id.
        id: Uuid,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

impl ServiceKeysCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such key, the database does not answer, or another identity provider is used, whose own keys are asked
    /// for there.
    pub async fn run(&self, app: &AuthService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        app.provider.as_ref().context("the identity provider is not the embedded one: its own keys manage its accounts")?;
        match self {
            Self::Create { name, why, json } => {
                let (id, key) = create(app, name.trim(), why).await?;
                if *json {
                    writeln!(out, "{}", json!({"id": id, "name": name.trim(), "key": key}))?;
                } else {
                    writeln!(out, "{id} {}\nkeep it secret, it is not shown again:\n{key}", name.trim())?;
                }
            }
            Self::List { json } => {
                let mut connection = app.kit.worker_db.get().await?;
                for key in store::list(&mut connection).await? {
                    writeln!(out, "{}", if *json { machine(&key) } else { shown(&key) })?;
                }
            }
            Self::Revoke { id, why } => {
                revoke(app, *id, why).await?;
                writeln!(out, "{id} opens nothing any more")?;
            }
        }
        Ok(())
    }
}

async fn create(app: &AuthService, name: &str, why: &str) -> anyhow::Result<(Uuid, String)> {
    ensure!((1..=NAME_MAX_CHARS).contains(&name.chars().count()), "a name has 1 to {NAME_MAX_CHARS} characters");
    ensure!(!why.trim().is_empty(), "say why");
    let (now, author, id, key) = (app.kit.clock.now(), Author::of_this_process(why), Uuid::now_v7(), service_role::new_key()?);
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            store::insert(connection, id, name, &service_role::key_hash(&key), now).await?;
            let resource = format!("service_key/{id}");
            audit::record(connection, now, &author.entry("service_key.create", &resource, "done", json!({}))).await
        })
        .await?;
    Ok((id, key))
}

async fn revoke(app: &AuthService, id: Uuid, why: &str) -> anyhow::Result<()> {
    ensure!(!why.trim().is_empty(), "say why");
    let (now, author) = (app.kit.clock.now(), Author::of_this_process(why));
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            ensure!(store::revoke(connection, id, now).await?, "there is no living key {id}");
            let resource = format!("service_key/{id}");
            audit::record(connection, now, &author.entry("service_key.revoke", &resource, "done", json!({}))).await?;
            Ok(())
        })
        .await
}

fn machine(key: &ServiceKey) -> String {
    let ServiceKey { id, name, created_at, last_used_at, revoked_at } = key;
    json!({"id": id, "name": name, "created_at": created_at, "last_used_at": last_used_at, "revoked_at": revoked_at}).to_string()
}

fn shown(key: &ServiceKey) -> String {
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |time| format!("last used {}", at(time)));
    let revoked = key.revoked_at.map(|time| format!(", revoked {}", at(time))).unwrap_or_default();
    format!("{} {}, made {}, {used}{revoked}", key.id, key.name, at(key.created_at))
}
