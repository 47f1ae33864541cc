//! `sessions list | show | archive | repair`.

use std::io::Write;

use anyhow::{Context, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Subcommand;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, onboarding::OnboardingStatus, step::Slug};
use serde_json::{Value, json};
use service_kit::audit::{self, Author};

use crate::{
    OnboardingService,
    cleanup::{
        archive,
        repair::{self, Repaired},
    },
    session::{Steps, Summary, states},
    standing::Onboarding,
    store,
};

/// The longest reason.
const MAX_REASON: usize = 500;

/// `sessions list | show | archive | repair`.
#[derive(Debug, Clone, Subcommand)]
pub enum SessionsCommand {
    /// Lists sessions, the one that was touched last first.
    List {
        /// Only in this status, such as `in_progress`.
        #[arg(long)]
        status: Option<OnboardingStatus>,
        /// Only those without an edit for so many days.
        #[arg(long, value_name = "DAYS")]
        silent_for: Option<u32>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows where the session of a workspace stands, in PostgreSQL and in Redis; no answers.
    Show {
        /// The workspace's id.
        workspace: WorkspaceId,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Puts a session away, as the cleanup does after a long silence. The next edit brings it back.
    Archive {
        /// The workspace's id.
        workspace: WorkspaceId,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Only says what would become of it.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Gives keys in Redis the lifetime that they lack, and removes those that belong to nothing any more.
    Repair {
        /// Only of this workspace.
        #[arg(long, value_name = "ID")]
        workspace: Option<WorkspaceId>,
        /// Why, for the audit log. No names of people.
        #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
        why: Option<String>,
        /// Only lists them.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
}

impl SessionsCommand {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// When there is no such session, or it cannot be done; nothing has happened then.
    pub async fn run(&self, app: &OnboardingService, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::List { status, silent_for, limit, json } => {
                let now = app.kit.clock.now();
                let before = silent_for.map(|days| now - TimeDelta::days(i64::from(days)));
                let mut connection = app.kit.worker_db.get().await?;
                for listed in store::onboarding::list(&mut connection, *status, before, *limit).await? {
                    write_line(out, &listed, now, *json)?;
                }
                Ok(())
            }
            Self::Show { workspace, json } => show(app, *workspace, *json, out).await,
            Self::Archive { workspace, why, dry_run, json } => {
                let author = author(why)?;
                let last = archive::archive(app, *workspace, None, Some(&author), *dry_run).await?;
                if *json {
                    writeln!(out, "{}", json!({ "workspace_id": workspace, "last_activity_at": last, "dry_run": dry_run }))?;
                } else {
                    let would = if *dry_run { "would be archived" } else { "is archived" };
                    writeln!(out, "{workspace} {would}; its last edit was at {}", seconds(last))?;
                }
                Ok(())
            }
            Self::Repair { workspace, why, dry_run, json } => {
                let author = why.as_deref().map(author).transpose()?;
                let repaired = repair::repair(app, *workspace, *dry_run).await?;
                if let Some(author) = author.filter(|_| !dry_run) {
                    note(app, &author, *workspace, repaired.len()).await?;
                }
                for one in &repaired {
                    write_repaired(out, one, *dry_run, *json)?;
                }
                if !*json {
                    let would = if *dry_run { "would be repaired" } else { "repaired" };
                    writeln!(out, "{} keys {would}", repaired.len())?;
                }
                Ok(())
            }
        }
    }
}

/// Who acts, and why.
fn author(why: &str) -> anyhow::Result<Author> {
    let why = why.trim();
    ensure!(!why.is_empty() && why.chars().count() <= MAX_REASON, "say why, in at most {MAX_REASON} characters");
    Ok(Author::of_this_process(why))
}

fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn note(app: &OnboardingService, author: &Author, workspace: Option<WorkspaceId>, keys: usize) -> anyhow::Result<()> {
    let mut entry = author.entry("onboarding.repair", "onboarding/redis", "done", json!({ "keys": keys }));
    entry.workspace = workspace;
    let mut connection = app.kit.worker_db.get().await?;
    audit::record(&mut connection, app.kit.clock.now(), &entry).await?;
    Ok(())
}

fn write_line(out: &mut (dyn Write + Send), onboarding: &Onboarding, now: DateTime<Utc>, json: bool) -> std::io::Result<()> {
    let (workspace, status) = (onboarding.workspace, onboarding.status(now));
    if json {
        return writeln!(out, "{}", as_json(onboarding, now));
    }
    let context = onboarding.context_number.map_or_else(String::new, |number| format!(", context {number}"));
    let reminded = if onboarding.reminded == 0 { String::new() } else { format!(", reminded {} times", onboarding.reminded) };
    writeln!(out, "{workspace} {status}, last edit at {}{reminded}{context}", seconds(onboarding.last_activity_at))
}

fn as_json(onboarding: &Onboarding, now: DateTime<Utc>) -> Value {
    json!({
        "workspace_id": onboarding.workspace, "status": onboarding.status(now), "progress": onboarding.progress,
        "last_activity_at": onboarding.last_activity_at, "reminded": onboarding.reminded, "context_number": onboarding.context_number,
        "schema_version": onboarding.schema_version, "failure_reason": onboarding.failure_reason,
    })
}

async fn show(app: &OnboardingService, workspace: WorkspaceId, json: bool, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let now = app.kit.clock.now();
    let found = {
        let mut connection = app.kit.worker_db.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let onboarding = store::onboarding::read(connection, workspace).await?;
                Ok::<_, diesel::result::Error>(onboarding.zip(Some(store::draft::all(connection, workspace).await?)))
            })
            .await?
    };
    let (onboarding, steps) = found.context("the workspace has no onboarding")?;
    let unsaved = app.drafts.unsaved(workspace).await;
    let keys = app.drafts.keys_of(workspace).await.unwrap_or_default();
    if json {
        let mut shown = as_json(&onboarding, now);
        let in_redis: Vec<Value> =
            keys.iter().map(|key| json!({ "holds": key.place.as_str(), "epoch": key.epoch, "life_ms": key.life_ms })).collect();
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("draft_epoch".to_owned(), json!(onboarding.draft_epoch));
            shown.insert("steps".to_owned(), json!(steps_of(&steps)));
            shown.insert("redis".to_owned(), json!(in_redis));
            shown.insert(
                "not_in_postgresql".to_owned(),
                json!(unsaved.as_ref().ok().map(|unsaved| unsaved.steps.keys().collect::<Vec<_>>())),
            );
        }
        writeln!(out, "{shown}")?;
        return Ok(());
    }
    write_line(out, &onboarding, now, false)?;
    let summary = Summary::of(&states(&steps));
    let next = summary.next.map_or_else(|| "nothing is left".to_owned(), |next| format!("next is {next}"));
    writeln!(out, "  {} of {} steps are done, {next}", summary.done, Summary::total())?;
    for (slug, step) in Slug::all().filter_map(|slug| Some((slug, steps.get(&slug)?))) {
        writeln!(out, "  {slug} {}, revision {}, at {}", step.state.as_str(), step.revision, seconds(step.updated_at))?;
    }
    if let Some(reason) = &onboarding.failure_reason {
        writeln!(out, "  no manifest was made: {reason}")?;
    }
    for key in &keys {
        let life = if key.life_ms < 0 { "for ever".to_owned() } else { format!("for {} s", key.life_ms / 1000) };
        writeln!(out, "  Redis has its {} of epoch {} {life}", key.place.as_str(), key.epoch)?;
    }
    match unsaved {
        Ok(unsaved) if unsaved.steps.is_empty() => {}
        Ok(unsaved) => writeln!(out, "  PostgreSQL does not have {} steps yet", unsaved.steps.len())?,
        Err(error) => writeln!(out, "  of Redis nothing is known: {error}")?,
    }
    Ok(())
}

fn steps_of(steps: &Steps) -> Vec<Value> {
    steps
        .iter()
        .map(|(slug, step)| json!({ "slug": slug, "state": step.state.as_str(), "revision": step.revision.to_string(), "updated_at": step.updated_at }))
        .collect()
}

fn write_repaired(out: &mut (dyn Write + Send), repaired: &Repaired, dry_run: bool, json: bool) -> std::io::Result<()> {
    let Repaired { workspace, place, fault } = repaired;
    if json {
        return writeln!(
            out,
            "{}",
            json!({ "workspace_id": workspace, "holds": place.as_str(), "fault": fault.as_str(), "dry_run": dry_run })
        );
    }
    let what = match fault {
        repair::Fault::Lifetime => "had no lifetime",
        repair::Fault::Orphan => "belong to nothing any more",
    };
    writeln!(out, "{workspace} {} {what}", place.as_str())
}
