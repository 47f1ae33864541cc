//! What every service offers to its operators at the console: `dead-letters`, `outbox` and `audit`.

use std::{io::Write, process::ExitCode, str::FromStr};

use chrono::TimeDelta;
use clap::Subcommand;
use service_kit::{
    Kit,
    audit::{
        Author,
        chain::{AuditCommand, AuditError},
    },
    db::DbError,
};
use tokio_util::sync::CancellationToken;

use crate::{
    dead_letters::{DeadLetters, DeadLettersCommand, DeadLettersError},
    outbox::{OutboxCommand, OutboxDesk, OutboxDeskError},
};

/// Something that matches is still there: giving the same command again goes on.
pub const EXIT_REMAINING: u8 = 3;

/// Ends the help of every act.
pub(crate) const ACT_HELP: &str =
    "Interrupting it (Ctrl-C, a crash, a lost broker) loses nothing: give the same command again and it goes on \
where it was. An event that had its effect already has none again.

Exit codes: 0 all that was found is dealt with, 1 it failed (what was done before is done), 2 the arguments are wrong, \
3 something that matched is still there: give the same command again. Dead letters that another list or act has in hand \
are not found, nor those of one whose network was lost, for 40 s: `list` before believing that none is left.";

/// `dead-letters`, `outbox` and `audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorCommand {
    /// Events that could not be handled: list, show, replay, drop.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Events that wait to be published, or were: list, show, republish, unpark.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Who did what: verify.
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No database connection for the outbox.
    #[error(transparent)]
    Database(#[from] DbError),
    /// `dead-letters` failed.
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
    /// `outbox` failed.
    #[error(transparent)]
    Outbox(#[from] OutboxDeskError),
    /// `audit` failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl OperatorCommand {
    /// Runs the command for the service of the kit and writes its answer to `out`. Ctrl-C ends it after the event in
    /// hand.
    pub async fn run(self, kit: &Kit, out: &mut (dyn Write + Send)) -> Result<ExitCode, OperatorError> {
        let stop = CancellationToken::new();
        let interrupted = kit.lifecycle.spawn({
            let stop = stop.clone();
            async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    stop.cancel();
                }
            }
        });
        let ended = self.run_until(kit, stop, out).await;
        interrupted.abort();
        ended
    }

    /// The same, ended by `stop`.
    pub async fn run_until(self, kit: &Kit, stop: CancellationToken, out: &mut (dyn Write + Send)) -> Result<ExitCode, OperatorError> {
        let (service, now) = (kit.identity.name, kit.clock.now());
        match self {
            Self::DeadLetters(command) => {
                let author = Author::of_this_process(command.why());
                let on =
                    DeadLetters { service, amqp_url: &kit.config.amqp.url, db: &kit.worker_db, clock: &*kit.clock, author: &author, stop };
                Ok(command.run(on, now, out).await?)
            }
            Self::Outbox(command) => {
                let mut connection = kit.worker_db.get().await?;
                let author = Author::of_this_process(command.why());
                let on = OutboxDesk { connection: &mut connection, clock: &*kit.clock, author: &author, stop };
                Ok(command.run(on, now, out).await?)
            }
            Self::Audit(command) => Ok(command.run(kit, out).await?),
        }
    }
}

/// How long ago, as people write it: `90s`, `15m`, `2h`, `3d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub TimeDelta);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text.chars().last();
        let count = text.get(..text.len().saturating_sub(1)).and_then(|count| count.parse::<u32>().ok()).map(i64::from);
        match (count, unit) {
            (Some(count), Some('s')) => Ok(Self(TimeDelta::seconds(count))),
            (Some(count), Some('m')) => Ok(Self(TimeDelta::minutes(count))),
            (Some(count), Some('h')) => Ok(Self(TimeDelta::hours(count))),
            (Some(count), Some('d')) => Ok(Self(TimeDelta::days(count))),
            _ => Err("write a number and s, m, h or d, for example 15m".to_owned()),
        }
    }
}

/// Something to be said about `count` things.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_people_write_them() {
        assert_eq!("90s".parse(), Ok(Age(TimeDelta::seconds(90))));
        assert_eq!("15m".parse(), Ok(Age(TimeDelta::minutes(15))));
        assert_eq!("2h".parse(), Ok(Age(TimeDelta::hours(2))));
        assert_eq!("3d".parse(), Ok(Age(TimeDelta::days(3))));
        for bad in ["", "h", "2", "-2h", "2w", "2 h", "१h"] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }
}
