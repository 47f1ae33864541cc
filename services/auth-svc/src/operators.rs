//! `operators find | grant | revoke | list`: who may use the admin API (decisions: *Operators*).
//!
//! An address proves nothing, because whoever signs up may claim any: a role is given to an id, after a look at the account.
//!
//! The role stands in `app_metadata`, which users cannot write; tokens carry it from their next refresh on.

use std::io::Write;

use anyhow::{Context, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
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

/// `operators find | grant | revoke | list`.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorsCommand {
    /// Shows the account that has an address. Addresses are not proved at sign-up: ask its owner, by another way, for the id,
    /// which is the `sub` of their token.
    Find {
        /// The e-mail address.
        #[arg(value_parser = EmailAddress::parse)]
        address: EmailAddress,
    },
    /// Makes a user an operator. The admin API also asks for a session with a second factor (aal2).
    Grant {
        /// The user's id.
        user: Uuid,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Takes the role away. A token that carries it ends by itself, within its life.
    Revoke {
        /// The user's id.
        user: Uuid,
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
    /// When there is no such user, one that is banned or anonymous is to get the role, or another identity provider is used,
    /// whose own tools must be.
    pub async fn run(&self, app: &AuthService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let Some(provider) = &app.provider else {
            anyhow::bail!("the identity provider is not the embedded one: set app_metadata.groundwork_role to \"{OPERATOR}\" there");
        };
        let now = app.kit.clock.now();
        match self {
            Self::Find { address } => {
                let mut connection = app.kit.worker_db.get().await?;
                let user = user::find_by_email(&mut connection, address.as_str()).await?.context("no user has this address")?;
                writeln!(out, "{}", shown(&user, now))?;
            }
            Self::Grant { user, why } => {
                let user = set(app, *user, Some(OPERATOR), why).await?;
                writeln!(out, "{}\nis an operator; tokens say so from the next sign-in or refresh on", shown(&user, now))?;
            }
            Self::Revoke { user, why } => {
                let user = set(app, *user, None, why).await?;
                let life_s = provider.config.access_token_life_s;
                writeln!(out, "{}\nis not an operator; a token that still says so ends within {life_s} s", shown(&user, now))?;
            }
            Self::List { json } => {
                let mut connection = app.kit.worker_db.get().await?;
                for user in user::with_role(&mut connection, OPERATOR).await? {
                    if *json {
                        let (created, signed_in) = (user.created_at, user.last_sign_in_at);
                        writeln!(
                            out,
                            "{}",
                            json!({ "id": user.id, "email": user.email, "created_at": created, "last_sign_in_at": signed_in })
                        )?;
                    } else {
                        writeln!(out, "{}", shown(&user, now))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn shown(user: &User, now: DateTime<Utc>) -> String {
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let signed_in = user.last_sign_in_at.map_or_else(|| "never".to_owned(), at);
    let banned = if user.is_banned(now) { ", banned" } else { "" };
    let address = user.email.as_deref().unwrap_or("(no address)");
    format!("{} {address}, made {}, last sign-in {signed_in}{banned}", user.id, at(user.created_at))
}

async fn set(app: &AuthService, id: Uuid, role: Option<&str>, why: &str) -> anyhow::Result<User> {
    ensure!(!why.trim().is_empty(), "say why");
    let (now, author) = (app.kit.clock.now(), Author::of_this_process(why));
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = user::set_role(connection, id, role, now).await?.with_context(|| format!("there is no user {id}"))?;
            // The change holds the row: what is refused here is undone with it.
            let granted = role.is_some();
            ensure!(!(granted && user.is_banned(now)), "the user {id} is banned");
            ensure!(!(granted && user.is_anonymous), "the user {id} is anonymous");
            let (action, resource) = (if granted { "operator.grant" } else { "operator.revoke" }, format!("user/{id}"));
            audit::record(connection, now, &author.entry(action, &resource, "done", json!({}))).await?;
            Ok::<_, anyhow::Error>(user)
        })
        .await
}
