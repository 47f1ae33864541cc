//! Looking at dead letters, sending them again, dropping them.
//!
//! A replayed message goes back to the one queue it failed in and keeps its event id, so that a replay of what had
//! its effect after all does nothing. A letter leaves its dead queue only after the broker has confirmed the replay: an
//! interrupted run goes on where it was when the same command is given again. Every replay and every drop leaves two
//! audit rows, before and after.

mod command;
mod letter;

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use domain::{Clock, ids::WorkspaceId};
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{
    audit::{self, Author},
    db::{Db, DbError},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use command::{ActArgs, DeadLettersCommand, FilterArgs};
pub use letter::{Content, Letter, LetterSummary};

use crate::{
    link::{self, LinkError},
    topology::{self, ConsumerQueue, RETURN},
};

/// Around each step at the broker: a blocked connection hangs.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// Which dead letters. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = DeadLetterFilter)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only of this queue of the service (its name without `.dead`).
    pub queue: Option<String>,
    /// Only with this id, as a list shows it.
    pub id: Option<String>,
    /// Only this type, with or without its version, or all types that begin with these words.
    pub event_type: Option<String>,
    /// Only with this reason.
    pub reason: Option<String>,
    /// Only of this workspace.
    #[serde(rename = "workspace_id")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub workspace: Option<WorkspaceId>,
    /// Only those that died before this moment.
    pub before: Option<DateTime<Utc>>,
}

impl Filter {
    /// Whether it says which letters, and not only in which queue.
    fn selects(&self) -> bool {
        let Self { queue: _, id, event_type, reason, workspace, before } = self;
        id.is_some() || event_type.is_some() || reason.is_some() || workspace.is_some() || before.is_some()
    }
}

/// What to do to how many, and how fast.
#[derive(Debug, Clone)]
pub struct Act {
    /// Which of them.
    pub filter: Filter,
    /// All of them; without this, the filter must say which.
    pub all: bool,
    /// At most this many.
    pub max: usize,
    /// At most this many a second.
    pub rate: u32,
    /// Only says what would be done.
    pub dry_run: bool,
}

/// What the operations work on.
pub struct DeadLetters<'a> {
    /// The service whose dead letters they are.
    pub service: &'a str,
    /// RabbitMQ.
    pub amqp_url: &'a SecretString,
    /// Connections whose `search_path` is the service's schema, for the audit log: one is borrowed for each row.
    pub db: &'a Db,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who acts, and why.
    pub author: &'a Author,
    /// Ends the work after the letter in hand.
    pub stop: CancellationToken,
}

/// Why an operation did not do all it should.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The filter's queue is no queue of the service.
    #[error("{0} is not a queue of this service")]
    UnknownQueue(String),
    /// Neither `all` nor a filter was given.
    #[error("say which: by id, event type, reason, workspace or age, or all")]
    Unfiltered,
    /// No letter in the dead queues has the id.
    #[error("no dead letter has the id {0}")]
    NotFound(String),
    /// No connection to the broker.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The broker failed.
    #[error("the broker failed: {0}")]
    Broker(#[from] lapin::Error),
    /// The broker did not answer.
    #[error("the broker did not answer within {} s", STEP_LIMIT.as_secs())]
    Timeout,
    /// The broker did not take a replayed message; it is still a dead letter.
    #[error("the broker did not take the message {0}")]
    NotTaken(String),
    /// The broker was not told to remove the letter; it is still a dead letter.
    #[error("the message {0} could not be taken out of its dead queue")]
    NotRemoved(String),
    /// The look ended before every letter was seen.
    #[error("the look ended before every dead letter was seen")]
    Incomplete,
    /// The audit log could not be written; nothing was done without it.
    #[error("the audit log cannot be written: {0}")]
    Audit(#[from] DbError),
    /// The output could not be written.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

/// What an act found and did. It knows of the letters that were in the queues when it looked: those that another look or
/// act had in hand come back later, and a list shows them then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(as = DeadLetterSummary)]
pub struct Summary {
    /// Letters that match.
    pub matched: usize,
    /// Of these, letters that were replayed or dropped.
    pub done: usize,
    /// Of these, letters that are still there.
    pub remaining: usize,
    /// Whether every letter that nobody else had in hand was looked at; otherwise there may be more than `remaining`.
    pub complete: bool,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Letters that were shown.
    pub shown: usize,
    /// Whether there are more.
    pub more: bool,
}

/// What is done to a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It goes back to the queue it failed in.
    Replay,
    /// It is deleted for good.
    Drop,
}

impl Deed {
    const fn action(self) -> &'static str {
        match self {
            Self::Replay => "dead_letter.replay",
            Self::Drop => "dead_letter.drop",
        }
    }
}

/// Is told of each letter that an operation meets.
pub type See<'a> = &'a mut (dyn FnMut(&Letter) -> std::io::Result<()> + Send);

impl DeadLetters<'_> {
    /// Shows `limit` letters that match after the first `skip`, oldest first. Nothing is taken away.
    pub async fn look(&self, filter: &Filter, skip: usize, limit: usize, see: See<'_>) -> Result<Looked, DeadLettersError> {
        let queues = self.queues(filter)?;
        let connection = link::connect(self.amqp_url, &format!("{} dead-letters", self.service)).await?;
        let (mut matched, mut looked) = (0, Looked { shown: 0, more: false });
        'queues: for queue in queues {
            // Whatever is fetched and not acknowledged goes back, in its place, when the channel closes.
            let channel = bounded(connection.create_channel()).await?;
            while let Some(letter) = next(&channel, queue).await? {
                if letter.matches(filter) {
                    matched += 1;
                    if matched > skip && looked.shown < limit {
                        looked.shown += 1;
                        see(&letter)?;
                    }
                }
                if matched > skip.saturating_add(limit) || self.stop.is_cancelled() {
                    looked.more = true;
                    break 'queues;
                }
            }
            bounded(channel.close(200, "OK".into())).await?;
        }
        link::close(&connection).await;
        Ok(looked)
    }

    /// Shows the letters with one id and their data, which may be personal: the look is audited.
    ///
    /// # Errors
    /// [`DeadLettersError::NotFound`] when there is none, [`DeadLettersError::Incomplete`] when it was stopped first.
    pub async fn show(&self, id: &str, queue: Option<String>, see: See<'_>) -> Result<Looked, DeadLettersError> {
        if !letter::is_word(id) {
            return Err(DeadLettersError::NotFound(id.to_owned()));
        }
        let resource = format!("event/{id}");
        self.audit(&self.author.entry("dead_letter.show", &resource, "done", json!({}))).await?;
        let filter = Filter { id: Some(id.to_owned()), queue, ..Filter::default() };
        let looked = self.look(&filter, 0, 100, see).await?;
        match looked {
            Looked { shown: 0, more: true } => Err(DeadLettersError::Incomplete),
            Looked { shown: 0, more: false } => Err(DeadLettersError::NotFound(id.to_owned())),
            looked => Ok(looked),
        }
    }

    /// Does the deed to the letters that match, oldest first, one after the other.
    pub async fn act(&self, act: &Act, deed: Deed, see: See<'_>) -> Result<Summary, DeadLettersError> {
        if !act.all && !act.filter.selects() {
            return Err(DeadLettersError::Unfiltered);
        }
        let queues = self.queues(&act.filter)?;
        let connection = link::connect(self.amqp_url, &format!("{} dead-letters", self.service)).await?;
        topology::declare_all(&connection).await.map_err(LinkError::from)?;
        let mut summary = Summary { complete: true, ..Summary::default() };
        let pause = Duration::from_secs(1) / act.rate.max(1);
        'queues: for queue in queues {
            let channel = bounded(connection.create_channel()).await?;
            bounded(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            // Letters that die again meanwhile are not for this run.
            for _ in 0..waiting(&channel, queue).await? {
                if self.stop.is_cancelled() {
                    summary.complete = false;
                    break 'queues;
                }
                let Some(letter) = next(&channel, queue).await? else { break };
                if !letter.matches(&act.filter) {
                    continue;
                }
                summary.matched += 1;
                if act.dry_run && summary.matched <= act.max {
                    see(&letter)?;
                }
                if !act.dry_run && summary.done < act.max {
                    self.settle(&channel, &letter, deed).await?;
                    summary.done += 1;
                    see(&letter)?;
                    let _ = self.stop.run_until_cancelled(sleep(pause)).await;
                }
            }
            bounded(channel.close(200, "OK".into())).await?;
        }
        link::close(&connection).await;
        summary.remaining = summary.matched - summary.done;
        Ok(summary)
    }

    async fn settle(&self, channel: &Channel, letter: &Letter, deed: Deed) -> Result<(), DeadLettersError> {
        self.record(letter, deed, "intended").await?;
        if deed == Deed::Replay && !confirmed(channel, letter).await? {
            self.record(letter, deed, "refused").await?;
            return Err(DeadLettersError::NotTaken(letter.id.clone()));
        }
        service_kit::kill_point!("K11");
        if !bounded(letter.acker().ack(BasicAckOptions::default())).await? {
            return Err(DeadLettersError::NotRemoved(letter.id.clone()));
        }
        self.record(letter, deed, "done").await
    }

    async fn record(&self, letter: &Letter, deed: Deed, outcome: &str) -> Result<(), DeadLettersError> {
        let resource = format!("event/{}", letter.id);
        let detail = json!({ "queue": letter.queue.name, "event_type": letter.event_type, "reason": letter.reason });
        self.audit(&audit::Entry { workspace: letter.workspace_id, ..self.author.entry(deed.action(), &resource, outcome, detail) }).await
    }

    async fn audit(&self, entry: &audit::Entry<'_>) -> Result<(), DeadLettersError> {
        let mut connection = self.db.get().await?;
        Ok(audit::record(&mut connection, self.clock.now(), entry).await.map_err(DbError::from)?)
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

/// Publishes the letter to the queue it failed in; `true` when the broker has clearly taken it.
async fn confirmed(channel: &Channel, letter: &Letter) -> Result<bool, DeadLettersError> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let key = letter.queue.name.into();
    #[expect(clippy::disallowed_methods, reason = "a replay goes to one queue, with a confirm of its own")]
    let sent = channel.basic_publish(RETURN.into(), key, options, letter.data(), letter.replayed());
    Ok(bounded(async { sent.await?.await }).await? == lapin::Confirmation::Ack(None))
}

async fn next(channel: &Channel, queue: &'static ConsumerQueue) -> Result<Option<Letter>, DeadLettersError> {
    let got = bounded(channel.basic_get(queue.dead_queue().into(), BasicGetOptions::default())).await?;
    Ok(got.map(|message| Letter::new(queue, message.delivery)))
}

async fn waiting(channel: &Channel, queue: &ConsumerQueue) -> Result<u32, DeadLettersError> {
    let passive = QueueDeclareOptions::durable().passive();
    Ok(bounded(channel.queue_declare(queue.dead_queue().into(), passive, FieldTable::default())).await?.message_count())
}

async fn bounded<T>(step: impl Future<Output = lapin::Result<T>>) -> Result<T, DeadLettersError> {
    Ok(timeout(STEP_LIMIT, step).await.map_err(|_| DeadLettersError::Timeout)??)
}

/// Dead letters per queue of `service`, for `doctor` and checks.
pub async fn depths(service: &str, amqp_url: &SecretString) -> Result<HashMap<&'static str, u32>, DeadLettersError> {
    let connection = link::connect(amqp_url, &format!("{service} dead-letters")).await?;
    let channel = bounded(connection.create_channel()).await?;
    let mut depths = HashMap::new();
    for queue in topology::queues_of(service) {
        depths.insert(queue.name, waiting(&channel, queue).await?);
    }
    link::close(&connection).await;
    Ok(depths)
}
