//! Looking at dead letters, sending them again, dropping them: the `dead-letters` sub-command of every service.
//!
//! A replayed message goes back to the one queue it failed in and keeps its event id, so that a replay of what had
//! its effect after all does nothing. Every replay and every drop leaves two audit rows, before and after.

mod letter;

use std::{collections::HashMap, io::Write, time::Duration};

use clap::{Args, Subcommand};
use diesel_async::AsyncPgConnection;
use domain::{Clock, ids::EventId};
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions},
};
use secrecy::SecretString;
use serde_json::json;
use service_kit::audit;

pub use letter::Letter;

use crate::{
    link::{self, LinkError},
    topology::{self, ConsumerQueue, RETURN},
};

/// `dead-letters list | show | replay | drop`.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists dead letters, oldest first, one line of JSON each, without their data.
    List {
        /// Which of them.
        #[command(flatten)]
        filter: Filter,
        /// How many of each queue to look at.
        #[arg(long, default_value_t = 1_000)]
        max: usize,
    },
    /// Shows one dead letter with its attributes and data.
    Show {
        /// The event's id.
        id: EventId,
        /// Only in this queue.
        #[arg(long)]
        queue: Option<String>,
    },
    /// Sends dead letters back to the queue they failed in.
    Replay(Act),
    /// Deletes dead letters for good.
    Drop(Act),
}

/// Which dead letters.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only of this queue of the service (its name without `.dead`).
    #[arg(long)]
    pub queue: Option<String>,
    /// Only this event.
    #[arg(long)]
    pub id: Option<EventId>,
    /// Only with this reason.
    #[arg(long)]
    pub reason: Option<String>,
}

/// What to do to how many, and how fast.
#[derive(Debug, Clone, Args)]
pub struct Act {
    /// Which of them.
    #[command(flatten)]
    pub filter: Filter,
    /// All of them; without this, `--id` or `--reason` must say which.
    #[arg(long)]
    pub all: bool,
    /// At most this many.
    #[arg(long, default_value_t = 1_000)]
    pub max: usize,
    /// At most this many a second.
    #[arg(long, default_value_t = 50)]
    pub rate: u32,
    /// Only says what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

/// What the commands work on.
pub struct DeadLetters<'a> {
    /// The service whose dead letters they are.
    pub service: &'a str,
    /// RabbitMQ.
    pub amqp_url: &'a SecretString,
    /// A connection whose `search_path` is the service's schema, for the audit log.
    pub connection: &'a mut AsyncPgConnection,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Why a command did not do all it should.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// `--queue` names no queue of the service.
    #[error("{0} is not a queue of this service")]
    UnknownQueue(String),
    /// Neither `--all` nor a filter was given.
    #[error("say which: --id, --reason or --all")]
    Unfiltered,
    /// The event is in none of the dead queues.
    #[error("no dead letter has the id {0}")]
    NotFound(EventId),
    /// No connection to the broker.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The broker failed.
    #[error("the broker failed: {0}")]
    Broker(#[from] lapin::Error),
    /// The broker did not take a replayed message; it is still a dead letter.
    #[error("the broker did not take the message {0}")]
    NotTaken(String),
    /// The audit log could not be written; nothing was done without it.
    #[error("the audit log cannot be written: {0}")]
    Audit(#[from] diesel::result::Error),
    /// The output could not be written.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

/// What a command found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Letters that matched.
    pub matched: usize,
    /// Of these, letters that were replayed or dropped.
    pub done: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Replay,
    Drop,
}

impl DeadLettersCommand {
    /// Runs the command and writes its answer, one line of JSON per letter, to `out`.
    pub async fn run(&self, mut on: DeadLetters<'_>, out: &mut (dyn Write + Send)) -> Result<Summary, DeadLettersError> {
        match self {
            Self::List { filter, max } => on.look(filter, *max, false, out).await,
            Self::Show { id, queue } => {
                let filter = Filter { queue: queue.clone(), id: Some(*id), reason: None };
                let summary = on.look(&filter, usize::MAX, true, out).await?;
                if summary.matched == 0 { Err(DeadLettersError::NotFound(*id)) } else { Ok(summary) }
            }
            Self::Replay(act) => on.act(act, Deed::Replay, out).await,
            Self::Drop(act) => on.act(act, Deed::Drop, out).await,
        }
    }
}

impl DeadLetters<'_> {
    async fn look(&mut self, filter: &Filter, max: usize, whole: bool, out: &mut (dyn Write + Send)) -> Result<Summary, DeadLettersError> {
        let connection = link::connect(self.amqp_url, &format!("{} dead-letters", self.service)).await?;
        let mut summary = Summary::default();
        for queue in self.queues(filter)? {
            // Whatever is fetched and not acknowledged goes back, in its place, when the channel closes.
            let channel = connection.create_channel().await?;
            let mut seen = 0;
            while seen < max
                && let Some(letter) = next(&channel, queue).await?
            {
                seen += 1;
                if letter.matches(filter) {
                    summary.matched += 1;
                    writeln!(out, "{}", letter.describe(whole))?;
                }
            }
            channel.close(200, "OK".into()).await?;
        }
        link::close(&connection).await;
        Ok(summary)
    }

    async fn act(&mut self, act: &Act, deed: Deed, out: &mut (dyn Write + Send)) -> Result<Summary, DeadLettersError> {
        if !act.all && act.filter.id.is_none() && act.filter.reason.is_none() {
            return Err(DeadLettersError::Unfiltered);
        }
        let connection = link::connect(self.amqp_url, &format!("{} dead-letters", self.service)).await?;
        topology::declare_all(&connection).await.map_err(LinkError::from)?;
        let mut summary = Summary::default();
        let pause = Duration::from_secs(1) / act.rate.max(1);
        for queue in self.queues(&act.filter)? {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            // Letters that die again meanwhile are not for this run.
            let mut left = waiting(&channel, queue).await?;
            while summary.matched < act.max
                && left > 0
                && let Some(letter) = next(&channel, queue).await?
            {
                left -= 1;
                if !letter.matches(&act.filter) {
                    continue;
                }
                summary.matched += 1;
                writeln!(out, "{}", letter.describe(false))?;
                if act.dry_run {
                    continue;
                }
                self.settle(&channel, &letter, deed).await?;
                summary.done += 1;
                tokio::time::sleep(pause).await;
            }
            channel.close(200, "OK".into()).await?;
        }
        link::close(&connection).await;
        Ok(summary)
    }

    async fn settle(&mut self, channel: &Channel, letter: &Letter, deed: Deed) -> Result<(), DeadLettersError> {
        self.record(letter, deed, "intended").await?;
        if deed == Deed::Replay {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let key = letter.queue.name.into();
            #[expect(clippy::disallowed_methods, reason = "a replay goes to one queue, with a confirm of its own")]
            let confirmed = channel.basic_publish(RETURN.into(), key, options, letter.data(), letter.replayed()).await?.await?;
            if confirmed != lapin::Confirmation::Ack(None) {
                self.record(letter, deed, "refused").await?;
                return Err(DeadLettersError::NotTaken(letter.id.clone()));
            }
        }
        service_kit::kill_point!("K11");
        letter.acker().ack(BasicAckOptions::default()).await?;
        self.record(letter, deed, "done").await?;
        Ok(())
    }

    async fn record(&mut self, letter: &Letter, deed: Deed, outcome: &str) -> Result<(), DeadLettersError> {
        let entry = audit::Entry {
            workspace: letter.workspace_id,
            actor: None,
            action: match deed {
                Deed::Replay => "dead_letter.replay",
                Deed::Drop => "dead_letter.drop",
            },
            resource: &format!("event/{}", letter.id),
            outcome,
            request_id: None,
            detail: json!({ "queue": letter.queue.name, "event_type": letter.event_type, "reason": letter.reason }),
        };
        Ok(audit::record(self.connection, self.clock.now(), &entry).await?)
    }

    fn queues(&self, filter: &Filter) -> Result<Vec<&'static ConsumerQueue>, DeadLettersError> {
        let queues: Vec<_> =
            topology::queues_of(self.service).filter(|queue| filter.queue.as_ref().is_none_or(|name| name == queue.name)).collect();
        match &filter.queue {
            Some(name) if queues.is_empty() => Err(DeadLettersError::UnknownQueue(name.clone())),
            _ => Ok(queues),
        }
    }
}

async fn next(channel: &Channel, queue: &'static ConsumerQueue) -> Result<Option<Letter>, DeadLettersError> {
    let got = channel.basic_get(queue.dead_queue().into(), BasicGetOptions::default()).await?;
    Ok(got.map(|message| Letter::new(queue, message.delivery)))
}

async fn waiting(channel: &Channel, queue: &ConsumerQueue) -> Result<u32, DeadLettersError> {
    use lapin::{options::QueueDeclareOptions, types::FieldTable};
    let passive = QueueDeclareOptions::durable().passive();
    Ok(channel.queue_declare(queue.dead_queue().into(), passive, FieldTable::default()).await?.message_count())
}

/// Dead letters per queue of `service`, for `doctor` and checks.
pub async fn depths(service: &str, amqp_url: &SecretString) -> Result<HashMap<&'static str, u32>, DeadLettersError> {
    let connection = link::connect(amqp_url, &format!("{service} dead-letters")).await?;
    let channel = connection.create_channel().await?;
    let mut depths = HashMap::new();
    for queue in topology::queues_of(service) {
        depths.insert(queue.name, waiting(&channel, queue).await?);
    }
    link::close(&connection).await;
    Ok(depths)
}
