//! `dead-letters list | show | replay | drop`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use domain::ids::WorkspaceId;
use serde_json::json;

use super::{Act, DeadLetters, DeadLettersError, Deed, Filter, Letter, Summary};
use crate::operator::{ACT_HELP, Age, EXIT_REMAINING, counted};

/// `dead-letters list | show | replay | drop`.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists dead letters, oldest first, without their data. Takes nothing away.
    List {
        /// Which of them.
        #[command(flatten)]
        filter: FilterArgs,
        /// How many to show.
        #[arg(long, default_value_t = 100)]
        max: usize,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead letter with its attributes and data, which may be personal: the look is audited.
    Show {
        /// The letter's id, as `list` prints it.
        id: String,
        /// Only in this queue.
        #[arg(long)]
        queue: Option<String>,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sends dead letters back to the queue they failed in. First remove the cause; try --dry-run.
    #[command(after_help = ACT_HELP)]
    Replay(ActArgs),
    /// Deletes dead letters for good. They cannot be brought back: try --dry-run.
    #[command(after_help = ACT_HELP)]
    Drop(ActArgs),
}

/// Which dead letters. Every condition that is given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Only of this queue, for example onboarding-svc.payments.v1.
    #[arg(long)]
    pub queue: Option<String>,
    /// Only with this id, as `list` prints it.
    #[arg(long)]
    pub id: Option<String>,
    /// Only this type, for example payments.payment.confirmed, or payments for all types of that domain.
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only with this reason, for example permanent or `retries_exhausted`.
    #[arg(long)]
    pub reason: Option<String>,
    /// Only of this workspace.
    #[arg(long, value_name = "ID")]
    pub workspace: Option<WorkspaceId>,
    /// Only those that died before this moment, for example 2026-11-25T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub before: Option<DateTime<Utc>>,
    /// Only those that died at least this long ago, for example 15m, 2h or 3d.
    #[arg(long, value_name = "AGE", conflicts_with = "before")]
    pub older_than: Option<Age>,
}

/// What to do to how many, how fast and why.
#[derive(Debug, Clone, Args)]
pub struct ActArgs {
    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// All of them (of --queue, if given); without this a filter must say which.
    #[arg(long)]
    pub all: bool,
    /// Why, for the audit log: a ticket, or a few words. No names of people.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub why: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 1_000)]
    pub max: usize,
    /// At most this many a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rate: u32,
    /// Says what would be done and does nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// One line of JSON for each, and one with the summary.
    #[arg(long)]
    pub json: bool,
}

impl FilterArgs {
    fn at(self, now: DateTime<Utc>) -> Filter {
        let Self { queue, id, event_type, reason, workspace, before, older_than } = self;
        Filter { queue, id, event_type, reason, workspace, before: before.or(older_than.map(|Age(age)| now - age)) }
    }
}

impl DeadLettersCommand {
    /// The operator's reason.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::List { .. } => "",
            Self::Show { .. } => "a look",
            Self::Replay(act) | Self::Drop(act) => act.why.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) async fn run(
        self,
        on: DeadLetters<'_>,
        now: DateTime<Utc>,
        out: &mut (dyn Write + Send),
    ) -> Result<ExitCode, DeadLettersError> {
        let service = on.service;
        match self {
            Self::List { filter, max, json } => {
                let looked = on.look(&filter.at(now), 0, max, &mut |letter| line(out, letter, json)).await?;
                if !json {
                    let more = if looked.more { " shown, and there are more: raise --max" } else { "" };
                    writeln!(out, "{}{more}", counted(looked.shown, "dead letter", "dead letters"))?;
                    if looked.shown > 0 {
                        writeln!(out, "look at one: {service} dead-letters show ID; send it again: {service} dead-letters replay --id ID")?;
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { id, queue, json } => {
                on.show(&id, queue, &mut |letter| whole(out, letter, json)).await?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Replay(args) => act(on, args, Deed::Replay, now, out).await,
            Self::Drop(args) => act(on, args, Deed::Drop, now, out).await,
        }
    }
}

async fn act(
    on: DeadLetters<'_>,
    args: ActArgs,
    deed: Deed,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
) -> Result<ExitCode, DeadLettersError> {
    let ActArgs { filter, all, why: _, max, rate, dry_run, json } = args;
    let act = Act { filter: filter.at(now), all, max, rate, dry_run };
    let summary = on.act(&act, deed, &mut |letter| line(out, letter, json)).await?;
    if json {
        writeln!(out, "{}", json!({ "summary": summary }))?;
    } else {
        writeln!(out, "{}", in_words(summary, deed, dry_run))?;
    }
    let left = !dry_run && (summary.remaining > 0 || !summary.complete);
    Ok(if left { ExitCode::from(EXIT_REMAINING) } else { ExitCode::SUCCESS })
}

fn in_words(summary: Summary, deed: Deed, dry_run: bool) -> String {
    let Summary { matched, done, remaining, complete } = summary;
    let verb = match deed {
        Deed::Replay => "replayed",
        Deed::Drop => "dropped",
    };
    if dry_run {
        return format!("{} would be {verb}; nothing was done", counted(matched, "dead letter", "dead letters"));
    }
    let done = format!("{} {verb}", counted(done, "dead letter", "dead letters"));
    match (remaining, complete) {
        (0, true) => format!("{done}, no other was there that matches"),
        (_, true) => format!("{done}, {remaining} left that match: give the same command again"),
        (_, false) => format!("{done}, stopped before the end: give the same command again"),
    }
}

fn line(out: &mut (dyn Write + Send), letter: &Letter, as_json: bool) -> io::Result<()> {
    let summary = letter.summary();
    if as_json {
        return writeln!(out, "{}", json!(summary));
    }
    let died = summary.dead_at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    writeln!(out, "{}  {}", summary.id, summary.event_type)?;
    write!(out, "    {} in {}, died {died}", summary.reason, summary.queue)?;
    writeln!(out, ", {}, replayed {}", counted(to_size(summary.retries), "retry", "retries"), times(summary.redrives))?;
    if let Some(workspace) = summary.workspace_id {
        writeln!(out, "    workspace {workspace}")?;
    }
    if let Some(detail) = summary.detail {
        writeln!(out, "    {detail}")?;
    }
    Ok(())
}

fn whole(out: &mut (dyn Write + Send), letter: &Letter, as_json: bool) -> io::Result<()> {
    let content = letter.content();
    if as_json {
        let mut shown = json!(letter.summary());
        if let (Some(shown), serde_json::Value::Object(content)) = (shown.as_object_mut(), json!(content)) {
            shown.extend(content);
        }
        return writeln!(out, "{shown}");
    }
    line(out, letter, false)?;
    for (name, value) in &content.headers {
        writeln!(out, "    {name}: {}", value.as_str().unwrap_or_default())?;
    }
    writeln!(out, "{}", serde_json::to_string_pretty(&content.data).unwrap_or_default())
}

fn to_size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn times(count: u32) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_to_do_next() {
        let summary = Summary { matched: 5, done: 5, remaining: 0, complete: true };
        assert_eq!(in_words(summary, Deed::Replay, false), "5 dead letters replayed, no other was there that matches");
        let rest = Summary { done: 1, remaining: 4, ..summary };
        assert_eq!(in_words(rest, Deed::Drop, false), "1 dead letter dropped, 4 left that match: give the same command again");
        let stopped = Summary { complete: false, ..rest };
        assert_eq!(in_words(stopped, Deed::Replay, false), "1 dead letter replayed, stopped before the end: give the same command again");
        assert_eq!(in_words(Summary { done: 0, ..summary }, Deed::Drop, true), "5 dead letters would be dropped; nothing was done");
    }
}
