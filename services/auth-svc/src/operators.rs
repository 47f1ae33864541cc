//! `operators grant | revoke | list`: who may use the admin API (decisions: *Operators*).
//!
//! The role stands in `app_metadata`, which users cannot write; tokens carry it from their next refresh on.

use std::io::Write;

use anyhow::{Context, ensure};
use clap::Subcommand;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use service_kit::{
    audit::{self, Author},
    auth::OPERATOR,
};
use uuid::Uuid;

use crate::{
    AuthService,
    provider::EmailAddress,
    store::user::{self, User},
};

/// `operators grant | revoke | list`.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorsCommand {
    /// Makes a user an operator. The admin API also asks for a session with a second factor (aal2).
    Grant {
        /// The user's id or e-mail address.
        user: String,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Takes the role away. A token that carries it ends by itself, within its life.
    Revoke {
        /// The user's id or e-mail address.
        user: String,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Lists the operators.
    List {
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
}

impl OperatorsCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such user, or another identity provider is used, whose own tools must be.
    pub async fn run(&self, app: &AuthService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let Some(provider) = &app.provider else {
            anyhow::bail!("the identity provider is not the embedded one: set app_metadata.groundwork_role to \"{OPERATOR}\" there");
        };
        match self {
            Self::Grant { user, why } => {
                let user = set(app, user, Some(OPERATOR), why).await?;
                writeln!(out, "{} is an operator; tokens say so from the next sign-in or refresh on", shown(&user))?;
            }
            Self::Revoke { user, why } => {
                let user = set(app, user, None, why).await?;
                let life_s = provider.config.access_token_life_s;
                writeln!(out, "{} is not an operator; a token that still says so ends within {life_s} s", shown(&user))?;
            }
            Self::List { json } => {
                let mut connection = app.kit.worker_db.get().await?;
                for user in user::with_role(&mut connection, OPERATOR).await? {
                    if *json {
                        writeln!(out, "{}", json!({ "id": user.id, "email": user.email }))?;
                    } else {
                        writeln!(out, "{}", shown(&user))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn shown(user: &User) -> String {
    format!("{} {}", user.id, user.email.as_deref().unwrap_or("(no address)"))
}

async fn set(app: &AuthService, named: &str, role: Option<&str>, why: &str) -> anyhow::Result<User> {
    ensure!(!why.trim().is_empty(), "say why");
    let (now, author) = (app.kit.clock.now(), Author::of_this_process(why));
    let mut connection = app.kit.worker_db.get().await?;
    let changed = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let id = match named.parse::<Uuid>() {
                Ok(id) => Some(id),
                Err(_) => match EmailAddress::parse(named) {
                    Ok(address) => user::find_by_email(connection, address.as_str()).await?.map(|user| user.id),
                    Err(_) => None,
                },
            };
            let Some(id) = id else { return Ok(None) };
            let Some(user) = user::set_role(connection, id, role, now).await? else { return Ok(None) };
            let (action, resource) = (if role.is_some() { "operator.grant" } else { "operator.revoke" }, format!("user/{id}"));
            audit::record(connection, now, &author.entry(action, &resource, "done", json!({}))).await?;
            Ok::<_, diesel::result::Error>(Some(user))
        })
        .await?;
    changed.with_context(|| format!("there is no user {named}"))
}
