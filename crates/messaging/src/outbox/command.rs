//! `outbox list | show | republish | unpark`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use domain::ids::{EventId, WorkspaceId};
use serde_json::json;

use super::desk::{Move, Moved, OutboxDesk, OutboxDeskError, OutboxFilter, OutboxRow, Pace, RowState};
use crate::operator::{ACT_HELP, Age, EXIT_REMAINING, counted};

/// `outbox list | show | republish | unpark`.
#[derive(Debug, Clone, Subcommand)]
pub enum OutboxCommand {
    /// Lists events of the outbox, oldest first, without their data.
    List {
        /// Which of them.
        #[command(flatten)]
        filter: OutboxFilterArgs,
        /// Where they stand.
        #[arg(long, value_enum, default_value_t)]
        state: RowState,
        /// How many to show.
        #[arg(long, default_value_t = 100)]
        max: usize,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows one event with its data, which may be personal: the look is audited.
    Show {
        /// The event's id, as `list` prints it.
        id: EventId,
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Publishes again what was published since a moment: after a broker lost its disk. Consumers do nothing about what
    /// they have.
    #[command(after_help = ACT_HELP)]
    Republish {
        /// What was published from this moment, for example 2026-11-25T08:00:00Z; rows are kept for a week.
        #[arg(long, value_name = "TIME", required_unless_present = "id")]
        since: Option<DateTime<Utc>>,
        /// What was published before this moment, by default now. After an interruption give the moment that was printed, to go on there.
        #[arg(long, value_name = "TIME")]
        until: Option<DateTime<Utc>>,
        /// How.
        #[command(flatten)]
        act: OutboxActArgs,
    },
    /// Gives events that were given up another twenty tries. First remove the cause, which `list --state parked` shows.
    #[command(after_help = ACT_HELP)]
    Unpark(OutboxActArgs),
}

/// Which events. Every condition that is given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct OutboxFilterArgs {
    /// Only this event.
    #[arg(long)]
    pub id: Option<EventId>,
    /// Only this type, for example payments.payment.confirmed, or payments.payment for all types below it.
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only of this workspace.
    #[arg(long, value_name = "ID")]
    pub workspace: Option<WorkspaceId>,
    /// Only what happened before this moment, for example 2026-11-25T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub before: Option<DateTime<Utc>>,
    /// Only what happened at least this long ago, for example 15m, 2h or 3d.
    #[arg(long, value_name = "AGE", conflicts_with = "before")]
    pub older_than: Option<Age>,
}

/// Which events, how many, how fast and why.
#[derive(Debug, Clone, Args)]
pub struct OutboxActArgs {
    /// Which of them.
    #[command(flatten)]
    pub filter: OutboxFilterArgs,
    /// Why, for the audit log: a ticket, or a few words. No names of people.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub why: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 1_000_000)]
    pub max: usize,
    /// At most this many a second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Says what would be done and does nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The summary as JSON.
    #[arg(long)]
    pub json: bool,
}

impl OutboxFilterArgs {
    fn at(self, now: DateTime<Utc>) -> OutboxFilter {
        let Self { id, event_type, workspace, before, older_than } = self;
        OutboxFilter { id, event_type, workspace, before: before.or(older_than.map(|Age(age)| now - age)) }
    }
}

impl OutboxCommand {
    /// The operator's reason.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::List { .. } => "",
            Self::Show { .. } => "a look",
            Self::Republish { act, .. } | Self::Unpark(act) => act.why.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) async fn run(
        self,
        mut on: OutboxDesk<'_>,
        now: DateTime<Utc>,
        out: &mut (dyn Write + Send),
    ) -> Result<ExitCode, OutboxDeskError> {
        match self {
            Self::List { filter, state, max, json } => {
                let mut rows = on.list(&filter.at(now), state, 0, max.saturating_add(1)).await?;
                let more = rows.len() > max;
                rows.truncate(max);
                for row in &rows {
                    line(out, row, json)?;
                }
                if !json {
                    let more = if more { " shown, and there are more: raise --max" } else { "" };
                    writeln!(out, "{}{more}", counted(rows.len(), "event", "events"))?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { id, json } => {
                let (row, data) = on.show(id).await?;
                if json {
                    let mut shown = json!(row);
                    if let Some(shown) = shown.as_object_mut() {
                        shown.insert("data".to_owned(), data);
                    }
                    writeln!(out, "{shown}")?;
                } else {
                    line(out, &row, false)?;
                    writeln!(out, "{}", serde_json::to_string_pretty(&data).unwrap_or_default())?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Republish { since, until, act } => shift(on, Move::Republish { since, until }, act, now, out).await,
            Self::Unpark(act) => shift(on, Move::Unpark, act, now, out).await,
        }
    }
}

async fn shift(
    mut on: OutboxDesk<'_>,
    mut which: Move,
    act: OutboxActArgs,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
) -> Result<ExitCode, OutboxDeskError> {
    let OutboxActArgs { filter, why: _, max, rate, dry_run, json } = act;
    if let Move::Republish { until: until @ None, .. } = &mut which {
        let end = on.database_time().await?;
        *until = Some(end);
        if !json && !dry_run {
            // Said first: a killed process says nothing at its end.
            writeln!(out, "what was published before {}", precise(end))?;
        }
    }
    let moved = on.shift(&filter.at(now), which, Pace { max, rate: Some(rate), dry_run }).await?;
    if json {
        writeln!(out, "{}", json!({ "summary": moved }))?;
    } else {
        writeln!(out, "{}", in_words(moved, which, dry_run))?;
    }
    Ok(if !dry_run && moved.remaining > 0 { ExitCode::from(EXIT_REMAINING) } else { ExitCode::SUCCESS })
}

fn in_words(moved: Moved, which: Move, dry_run: bool) -> String {
    let Moved { matched, done, remaining, until } = moved;
    let what = match which {
        Move::Republish { .. } => "published again",
        Move::Unpark => "tried again",
    };
    if dry_run {
        return format!("{} would be {what}; nothing was done", counted(matched, "event", "events"));
    }
    let done = format!("{} will be {what} by the relay", counted(done, "event", "events"));
    match (remaining, until) {
        (0, _) => format!("{done}, none left that matches"),
        (_, None) => format!("{done}, {remaining} left that match: give the same command again"),
        (_, Some(until)) => {
            format!("{done}, {remaining} left that match: give the same command again with --until {}", precise(until))
        }
    }
}

fn precise(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn line(out: &mut (dyn Write + Send), row: &OutboxRow, as_json: bool) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{}", json!(row));
    }
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    writeln!(out, "{}  {}", row.id, row.event_type)?;
    write!(out, "    {}, number {} of {}, happened {}", row.state, row.sequence, row.subject, at(row.occurred_at))?;
    match (row.published_at, row.parked_at) {
        (Some(published), _) => writeln!(out, ", published {}", at(published))?,
        (None, Some(parked)) => writeln!(out, ", given up {} after {} tries", at(parked), row.attempts)?,
        (None, None) => writeln!(out, ", next try {}, {} failed", at(row.available_at), row.attempts)?,
    }
    if let Some(workspace) = row.workspace_id {
        writeln!(out, "    workspace {workspace}")?;
    }
    if let Some(error) = &row.last_error {
        writeln!(out, "    {error}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_how_to_go_on() {
        let moved = Moved { matched: 3, done: 3, remaining: 0, until: None };
        assert_eq!(in_words(moved, Move::Unpark, false), "3 events will be tried again by the relay, none left that matches");
        let (since, until) = (None, "2026-11-25T08:00:00Z".parse().ok());
        let rest = Moved { done: 1, remaining: 2, until, ..moved };
        assert_eq!(
            in_words(rest, Move::Republish { since, until }, false),
            "1 event will be published again by the relay, 2 left that match: give the same command again with --until 2026-11-25T08:00:00.000000Z"
        );
        assert_eq!(in_words(moved, Move::Unpark, true), "3 events would be tried again; nothing was done");
    }
}
