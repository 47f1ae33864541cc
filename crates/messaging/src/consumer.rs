//! Taking events: what a handler is, and what is done with the messages around it.

#[cfg(feature = "kill-points")]
mod provoked;
mod supervisor;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    event::Event,
    ids::{EventId, WorkspaceId},
};
use service_kit::db::DbError;

pub(crate) use supervisor::{Liveness, Supervisor};
pub(crate) use worker::{Worker, republished};

use crate::topology::{self, ConsumerQueue};

/// An event as it reached a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// The event's id, the same in every delivery.
    pub id: EventId,
    /// What happened.
    pub event: Event,
    /// Position among the events of its aggregate. A projection of whole states ignores what is not newer; an event
    /// that must have its effect (`payment.confirmed`) is judged by inbox and business key alone, because a retry or a
    /// replay may come late.
    pub sequence: i64,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// Earlier attempts of ours that failed.
    pub retries: u32,
    /// Times an operator replayed it.
    pub redrives: u32,
}

/// Why an event had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// May succeed later: tried again after 5 s, 30 s, 5 min and 30 min, then a dead letter.
    #[error("{0}")]
    Transient(String),
    /// Can never succeed: a dead letter at once.
    #[error("{0}")]
    Permanent(String),
    /// Something that every event needs is down. Tried again for as long as it takes; costs the event none of its tries.
    #[error("{0}")]
    Unavailable(String),
}

impl From<DbError> for HandlerError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => Self::Unavailable(error.to_string()),
            DbError::LockTimeout | DbError::Query(_) => Self::Transient(error.to_string()),
        }
    }
}

impl From<diesel::result::Error> for HandlerError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

/// What a service does with the events of one queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Takes effect of `event` on `connection`, whose transaction already holds the inbox row: everything commits
    /// together or not at all. Must end within a minute, and calls nothing outside.
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError>;

    /// Runs after the commit, for what may be lost: dropping caches, waking listeners. Not called for duplicates.
    async fn committed(&self, event: &Delivered) {
        let _ = event;
    }
}

/// A queue with its handler.
#[derive(Clone)]
pub struct ConsumerSpec {
    pub(crate) queue: &'static ConsumerQueue,
    pub(crate) handler: Arc<dyn Handler>,
}

impl ConsumerSpec {
    /// A consumer of the queue called `queue`; `None` when the topology has no such queue.
    pub fn new(queue: &str, handler: impl Handler) -> Option<Self> {
        topology::queue(queue).map(|queue| Self { queue, handler: Arc::new(handler) })
    }
}
