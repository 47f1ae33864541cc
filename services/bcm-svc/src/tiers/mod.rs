//! The three places a version is read from: this process, Redis, PostgreSQL.
//!
//! Versions never change, so they need no invalidation. The head pointer (which version is the current one) lives five
//! seconds from the moment PostgreSQL confirmed it, whichever tier it passes through. Concurrent readers of one key in
//! a process share one load. Callers are authorised before they come here; keys carry the workspace.

mod document;
mod frame;
mod heads;
mod invalidation;
mod load;
mod memory;
mod redis;
mod sweep;

use std::{panic::AssertUnwindSafe, sync::Arc};

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, role::Role};
use futures_util::FutureExt;
use service_kit::{
    Kit,
    auth::{self, Claims, Member},
    db,
    lifecycle::Lifecycle,
    outage::Outage,
};
use tokio::sync::broadcast;

use crate::{
    manifest::{ReadError, selector::Selector, stored},
    metrics::Metrics,
};
use heads::HEAD_LIFE;
use memory::MemoryController;
use redis::Pointer;

#[cfg(test)]
pub use document::tests as document_tests;
pub use document::{Coded, Document, NotTheVersion, View, compress};
pub use invalidation::{Forget, listen};
pub use memory::Budgets;
pub use sweep::{Swept, sweep};

/// Moves that a slow follower may be behind before it has to look for itself.
const MOVES: usize = 1024;

/// Where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// This process.
    Memory,
    /// Redis.
    Redis,
    /// PostgreSQL.
    Postgres,
}

impl Tier {
    /// Its name in metrics and in `Server-Timing`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// Who reads which workspace, already authorised. PostgreSQL is asked with the same rights.
#[derive(Debug, Clone)]
pub struct Reader {
    workspace: WorkspaceId,
    claims: Option<Claims>,
}

impl Reader {
    /// A member of the workspace.
    pub fn member(member: &Member) -> Self {
        Self { workspace: member.workspace, claims: Some(member.claims.clone()) }
    }

    /// The service itself.
    pub const fn service(workspace: WorkspaceId) -> Self {
        Self { workspace, claims: None }
    }

    /// The workspace that is read.
    pub const fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// Takes the reader's role for the rest of the transaction.
    pub async fn assume_role(&self, connection: &mut AsyncPgConnection) -> Result<(), diesel::result::Error> {
        match &self.claims {
            Some(claims) => db::act_as_user(connection, claims.as_json()).await,
            None => Ok(()),
        }
    }

    /// A member who has just been removed sees nothing: that must not be remembered as "there is nothing".
    async fn must_still_be_member(&self, connection: &mut AsyncPgConnection) -> Result<(), ReadError> {
        if let Some(claims) = &self.claims {
            db::act_as_service(connection).await?;
            auth::authorise(connection, self.workspace, claims.user, Role::Member).await?;
        }
        Ok(())
    }
}

/// A version and where it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The version.
    pub document: Arc<Document>,
    /// Where the head pointer was found, if it was asked for.
    pub head: Option<Tier>,
    /// Where the version was found.
    pub content: Tier,
    /// Whether consumers are kept on this version.
    pub pinned: bool,
    /// How long ago the head pointer was confirmed, when it is used beyond its life because PostgreSQL does not answer.
    pub stale: Option<TimeDelta>,
}

impl Found {
    /// A version that was asked for by its sequence.
    const fn alone(document: Arc<Document>, content: Tier) -> Self {
        Self { document, head: None, content, pinned: false, stale: None }
    }
}

/// Runs a load to its end. Whoever waits for it may be a job of this process, which a panic of it must not end.
async fn shielded<T, F>(lifecycle: &Lifecycle, load: F) -> Result<T, ReadError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ReadError>> + Send + 'static,
{
    let loaded = AssertUnwindSafe(lifecycle.detached(load)).catch_unwind().await;
    let loaded = loaded.map_err(|_| ReadError::Internal("the load panicked".into()))?;
    loaded.map_err(|error| ReadError::Internal(error.to_string()))?
}

/// All tiers of a process.
#[derive(Clone)]
pub struct Tiers {
    kit: Kit,
    metrics: Metrics,
    memory: MemoryController,
    /// Whether PostgreSQL answers, as far as head pointers are concerned.
    outage: Arc<Outage>,
    /// Tells those who follow a workspace that its head moved.
    moved: broadcast::Sender<Option<WorkspaceId>>,
}

impl Tiers {
    /// Tiers whose first two hold nothing yet.
    pub fn new(kit: Kit, metrics: Metrics, budgets: Budgets) -> Self {
        let memory = MemoryController::new(budgets, metrics.clone());
        Self { kit, metrics, memory, outage: Arc::default(), moved: broadcast::Sender::new(MOVES) }
    }

    /// The version for consumers: the pinned one, else the newest.
    pub async fn current(&self, reader: &Reader) -> Result<Found, ReadError> {
        if !self.memory.keeps()
            && let Some(found) = self.current_in_redis(reader).await
        {
            return Ok(found);
        }
        self.pointed_at(reader, |pointer| pointer.live).await
    }

    /// The newest version, whatever is pinned.
    pub async fn latest(&self, reader: &Reader) -> Result<Found, ReadError> {
        self.pointed_at(reader, |pointer| pointer.latest).await
    }

    /// The version that the head pointer names.
    async fn pointed_at(&self, reader: &Reader, which: impl Fn(&Pointer) -> u64) -> Result<Found, ReadError> {
        let heads::Found { pointer, from, stale } = self.head(reader).await?;
        let (found, pointer) = match self.version(reader, which(&pointer)).await {
            // A pointer to nothing can only be a damaged one of Redis.
            Err(ReadError::VersionNotFound) if from != Tier::Postgres => {
                self.metrics.integrity_failure(Tier::Redis);
                tracing::error!(workspace = %reader.workspace, "Redis held a head pointer that leads nowhere; it is repaired");
                self.memory.distrust(reader.workspace).await;
                if let Err(error) = redis::remove_head(&self.kit.cache, reader.workspace, pointer).await {
                    tracing::debug!(%error, "the pointer was not removed from Redis");
                }
                let pointer = self.head_from_postgres(reader).await?.pointer.ok_or(ReadError::Missing)?;
                (self.version(reader, which(&pointer)).await?, pointer)
            }
            found => (found?, pointer),
        };
        Ok(Found { head: Some(from), pinned: pointer.is_pinned(), stale, ..found })
    }

    /// Head and version from Redis at once; `None` when one of them has to come from elsewhere.
    async fn current_in_redis(&self, reader: &Reader) -> Option<Found> {
        let (pointer, found) = redis::current(&self.kit.cache, reader.workspace).await.ok()??;
        let redis::Found::Document(document) = found else { return None };
        pointer.left(HEAD_LIFE, self.kit.clock.now())?;
        self.metrics.read("head", Tier::Redis);
        self.metrics.read("content", Tier::Redis);
        Some(Found { head: Some(Tier::Redis), pinned: pointer.is_pinned(), ..Found::alone(Arc::from(document), Tier::Redis) })
    }

    /// The version that a request names.
    pub async fn select(&self, reader: &Reader, selector: &Selector) -> Result<Found, ReadError> {
        if let Selector::Sequence(sequence) = selector {
            return self.version(reader, *sequence).await;
        }
        let mut connection = self.kit.db.get().await?;
        let sequence = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                reader.assume_role(connection).await?;
                stored::resolve(connection, reader.workspace, selector).await
            })
            .await?;
        drop(connection);
        self.version(reader, sequence.ok_or(ReadError::VersionNotFound)?).await
    }

    /// After a commit: fills the tiers with the current version and tells the other replicas.
    pub async fn announce(&self, workspace: WorkspaceId) {
        self.memory.heads.invalidate(&workspace).await;
        let reader = Reader::service(workspace);
        let filled = async {
            let (head, confirmed) = self.ask_head(&reader).await?;
            let head = head.ok_or(ReadError::Missing)?;
            // Before the others are told, so that they find the new pointer there.
            self.forward_head(workspace, Pointer::of(head, confirmed)).await;
            self.version(&reader, head.live()).await
        };
        match filled.await {
            // The commit was that of a failure.
            Ok(_) | Err(ReadError::Missing) => {}
            Err(error) => tracing::warn!(%workspace, %error, "the caches could not be filled after the commit"),
        }
        self.tell(Forget::Head(workspace)).await;
    }

    /// Forgets here and in every other replica.
    pub async fn tell(&self, forget: Forget) {
        self.forget(forget).await;
        let message = serde_json::to_string(&forget).unwrap_or_default();
        if let Err(error) = redis::publish(&self.kit.cache, &message).await {
            tracing::debug!(%error, "the other replicas were not told");
        }
    }

    /// Follows the moves of every head as far as this process hears of them; `None` means that any may have moved.
    pub fn moves(&self) -> broadcast::Receiver<Option<WorkspaceId>> {
        self.moved.subscribe()
    }

    async fn forget(&self, forget: Forget) {
        match forget {
            Forget::Head(workspace) => {
                self.memory.heads.invalidate(&workspace).await;
                // Nobody may be following.
                let _ = self.moved.send(Some(workspace));
            }
            Forget::Role(workspace, user) => self.kit.membership.forget(workspace, user).await,
        }
    }

    fn forget_all_heads(&self) {
        self.memory.heads.invalidate_all();
        let _ = self.moved.send(None);
    }

    /// A load that goes on when the caller who began it has gone: others may be waiting for it.
    async fn aside<T, F>(&self, reader: &Reader, load: impl FnOnce(Self, Reader) -> F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        shielded(&self.kit.lifecycle, Box::pin(load(self.clone(), reader.clone()))).await
    }

    async fn connection(&self, reader: &Reader) -> Result<db::PooledConnection, ReadError> {
        let pool = if reader.claims.is_some() { &self.kit.db } else { &self.kit.worker_db };
        Ok(pool.get().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_load_that_panics_is_an_error_of_whoever_waits_for_it() {
        let loaded = shielded::<(), _>(&Lifecycle::on_this_runtime(), async { panic!("a defect") }).await;
        assert_eq!(loaded, Err(ReadError::Internal("the load panicked".into())));
    }
}
