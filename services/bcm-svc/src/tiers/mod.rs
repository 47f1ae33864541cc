//! The three places a version is read from: this process, Redis, PostgreSQL.
//!
//! Versions never change, so they need no invalidation. The head pointer (which version is the current one) lives five
//! seconds from the moment PostgreSQL confirmed it, whichever tier it passes through. Concurrent readers of one key in
//! a process share one load. Callers are authorised before they come here; keys carry the workspace.

mod document;
mod frame;
mod invalidation;
mod redis;

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, role::Role};
use futures_util::FutureExt;
use moka::{Expiry, future::Cache};
use service_kit::{
    Kit,
    auth::{self, Claims, Member},
    db,
    lifecycle::Lifecycle,
};

use crate::{
    manifest::{
        ReadError,
        selector::Selector,
        stored::{self, Stored},
    },
    metrics::Metrics,
    store::head,
};

pub use document::{Document, NotTheVersion, View};
pub use invalidation::{Forget, listen};

/// How long a head pointer may be believed after PostgreSQL confirmed it.
const HEAD_LIFE: TimeDelta = TimeDelta::seconds(5);
/// "There is no manifest yet" is believed only by the caller who asked PostgreSQL: whoever got the first one from one
/// replica must not be told by another that there is none.
const MISSING_LIFE: Duration = Duration::ZERO;
/// Head pointers kept in process; one has about a hundred bytes.
const HEADS: u64 = 100_000;

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
}

#[derive(Debug, Clone, Copy)]
struct Head {
    sequence: Option<u64>,
    from: Tier,
    life: Duration,
}

#[derive(Clone)]
struct Loaded {
    document: Arc<Document>,
    from: Tier,
}

struct HeadLife;

impl Expiry<WorkspaceId, Head> for HeadLife {
    fn expire_after_create(&self, _: &WorkspaceId, head: &Head, _: Instant) -> Option<Duration> {
        Some(head.life)
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
    /// Whether anything is kept in this process.
    memory: bool,
    heads: Cache<WorkspaceId, Head>,
    documents: Cache<(WorkspaceId, u64), Loaded>,
}

impl Tiers {
    /// Empty tiers whose versions take at most `memory_bytes` in this process; with 0 it keeps nothing.
    pub fn new(kit: Kit, metrics: Metrics, memory_bytes: u64) -> Self {
        let documents = Cache::builder()
            .max_capacity(memory_bytes)
            .weigher(|_, loaded: &Loaded| u32::try_from(loaded.document.weight()).unwrap_or(u32::MAX))
            .build();
        let heads = Cache::builder().max_capacity(HEADS).expire_after(HeadLife).build();
        Self { kit, metrics, memory: memory_bytes > 0, heads, documents }
    }

    /// The current version.
    pub async fn current(&self, reader: &Reader) -> Result<Found, ReadError> {
        if !self.memory
            && let Some(found) = self.current_in_redis(reader).await
        {
            return Ok(found);
        }
        let (sequence, tier) = self.head(reader).await?;
        let found = match self.version(reader, sequence).await {
            // A pointer to nothing can only be a damaged one of Redis.
            Err(ReadError::VersionNotFound) if tier != Tier::Postgres => {
                self.metrics.integrity_failure(Tier::Redis);
                self.heads.invalidate(&reader.workspace).await;
                let head = self.head_from_postgres(reader).await?;
                self.version(reader, head.sequence.ok_or(ReadError::Missing)?).await?
            }
            found => found?,
        };
        Ok(Found { head: Some(tier), ..found })
    }

    /// Head and version from Redis at once; `None` when one of them has to come from elsewhere.
    async fn current_in_redis(&self, reader: &Reader) -> Option<Found> {
        let (pointer, found) = redis::current(&self.kit.cache, reader.workspace).await.ok()??;
        let redis::Found::Document(document) = found else { return None };
        pointer.left(HEAD_LIFE, self.kit.clock.now())?;
        self.metrics.read("head", Tier::Redis);
        self.metrics.read("content", Tier::Redis);
        Some(Found { document: Arc::from(document), head: Some(Tier::Redis), content: Tier::Redis })
    }

    /// The version that a request names.
    pub async fn select(&self, reader: &Reader, selector: Selector) -> Result<Found, ReadError> {
        let version = match selector {
            Selector::Sequence(sequence) => return self.version(reader, sequence).await,
            Selector::Version(version) => version,
        };
        let mut connection = self.kit.db.get().await?;
        let sequence = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                reader.assume_role(connection).await?;
                stored::sequence_of(connection, reader.workspace, version).await
            })
            .await?;
        drop(connection);
        self.version(reader, sequence.ok_or(ReadError::VersionNotFound)?).await
    }

    /// The version with this sequence.
    pub async fn version(&self, reader: &Reader, sequence: u64) -> Result<Found, ReadError> {
        if !self.memory {
            let Loaded { document, from } = self.load(reader, sequence).await?;
            self.metrics.read("content", from);
            return Ok(Found { document, head: None, content: from });
        }
        let key = (reader.workspace, sequence);
        // Nearly always; only a load needs an entry, which costs several times a look.
        if let Some(Loaded { document, .. }) = self.documents.get(&key).await {
            self.metrics.read("content", Tier::Memory);
            return Ok(Found { document, head: None, content: Tier::Memory });
        }
        let entry = self
            .documents
            .entry(key)
            .or_try_insert_with(self.aside(reader, move |tiers, reader| async move { tiers.load(&reader, sequence).await }))
            .await
            .map_err(|error| ReadError::clone(&error))?;
        if entry.is_fresh() {
            self.metrics.memory(self.documents.weighted_size());
        }
        let tier = if entry.is_fresh() { entry.value().from } else { Tier::Memory };
        self.metrics.read("content", tier);
        Ok(Found { document: entry.into_value().document, head: None, content: tier })
    }

    /// After a commit: fills the tiers with the current version and tells the other replicas.
    pub async fn announce(&self, workspace: WorkspaceId) {
        self.heads.invalidate(&workspace).await;
        let reader = Reader::service(workspace);
        let filled = async {
            let (sequence, confirmed) = self.ask_head(&reader).await?;
            let sequence = sequence.ok_or(ReadError::Missing)?;
            // Before the others are told, so that they find the new pointer there.
            self.forward_head(workspace, redis::Pointer { sequence, confirmed }).await;
            self.version(&reader, sequence).await
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

    async fn forget(&self, forget: Forget) {
        match forget {
            Forget::Head(workspace) => self.heads.invalidate(&workspace).await,
            Forget::Role(workspace, user) => self.kit.membership.forget(workspace, user).await,
        }
    }

    fn forget_all_heads(&self) {
        self.heads.invalidate_all();
    }

    async fn head(&self, reader: &Reader) -> Result<(u64, Tier), ReadError> {
        let head = if self.memory { self.remembered_head(reader).await? } else { self.load_head(reader).await? };
        self.metrics.read("head", head.from);
        Ok((head.sequence.ok_or(ReadError::Missing)?, head.from))
    }

    async fn remembered_head(&self, reader: &Reader) -> Result<Head, ReadError> {
        if let Some(head @ Head { sequence: Some(_), .. }) = self.heads.get(&reader.workspace).await {
            return Ok(Head { from: Tier::Memory, ..head });
        }
        let entry = self
            .heads
            .entry(reader.workspace)
            .or_try_insert_with(self.aside(reader, |tiers, reader| async move { tiers.load_head(&reader).await }))
            .await
            .map_err(|error| ReadError::clone(&error))?;
        let (fresh, head) = (entry.is_fresh(), entry.into_value());
        match head.sequence {
            _ if fresh => Ok(head),
            Some(_) => Ok(Head { from: Tier::Memory, ..head }),
            // Another caller's question, which may be older than the first manifest.
            None => self.load_head(reader).await,
        }
    }

    /// A load that goes on when the caller who began it has gone: others may be waiting for it.
    async fn aside<T, F>(&self, reader: &Reader, load: impl FnOnce(Self, Reader) -> F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        shielded(&self.kit.lifecycle, Box::pin(load(self.clone(), reader.clone()))).await
    }

    async fn load_head(&self, reader: &Reader) -> Result<Head, ReadError> {
        if let Ok(Some(pointer)) = redis::head(&self.kit.cache, reader.workspace).await
            && let Some(left) = pointer.left(HEAD_LIFE, self.kit.clock.now())
        {
            return Ok(Head { sequence: Some(pointer.sequence), from: Tier::Redis, life: left.to_std().unwrap_or_default() });
        }
        self.head_from_postgres(reader).await
    }

    async fn head_from_postgres(&self, reader: &Reader) -> Result<Head, ReadError> {
        let (sequence, confirmed) = self.ask_head(reader).await?;
        let Some(sequence) = sequence else {
            return Ok(Head { sequence: None, from: Tier::Postgres, life: MISSING_LIFE });
        };
        let (tiers, workspace) = (self.clone(), reader.workspace);
        self.kit.lifecycle.spawn(async move { tiers.forward_head(workspace, redis::Pointer { sequence, confirmed }).await });
        Ok(Head { sequence: Some(sequence), from: Tier::Postgres, life: HEAD_LIFE.to_std().unwrap_or_default() })
    }

    /// The head in PostgreSQL, and a moment at which it was that.
    async fn ask_head(&self, reader: &Reader) -> Result<(Option<u64>, DateTime<Utc>), ReadError> {
        // Taken before the question, so that it is never too late.
        let confirmed = self.kit.clock.now();
        let mut connection = self.connection(reader).await?;
        let sequence = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                reader.assume_role(connection).await?;
                let sequence = head::sequence(connection, reader.workspace).await?;
                if sequence.is_none() {
                    reader.must_still_be_member(connection).await?;
                }
                Ok::<_, ReadError>(sequence)
            })
            .await?;
        Ok((sequence, confirmed))
    }

    async fn forward_head(&self, workspace: WorkspaceId, pointer: redis::Pointer) {
        if let Err(error) = redis::forward_head(&self.kit.cache, workspace, pointer).await {
            tracing::debug!(%error, "the head pointer was not written to Redis");
        }
    }

    async fn load(&self, reader: &Reader, sequence: u64) -> Result<Loaded, ReadError> {
        let workspace = reader.workspace;
        let damaged = match redis::content(&self.kit.cache, workspace, sequence).await {
            // Opened here, where another tier can still answer.
            Ok(redis::Found::Document(document)) => match document.plain(View::Content).err() {
                None => return Ok(Loaded { document: Arc::from(document), from: Tier::Redis }),
                Some(another) => Some(another.to_string()),
            },
            Ok(redis::Found::Damaged(damaged)) => Some(damaged.to_string()),
            Ok(redis::Found::Nothing) | Err(_) => None,
        };
        if let Some(damaged) = damaged {
            self.metrics.integrity_failure(Tier::Redis);
            tracing::error!(%workspace, sequence, %damaged, "Redis held a damaged manifest; it is repaired");
        }
        let stored = self.read_postgres(reader, sequence).await?;
        let document = Arc::new(Document::new(&stored).map_err(|error| ReadError::Internal(error.to_string()))?);
        let (cache, copy) = (self.kit.cache.clone(), document.clone());
        self.kit.lifecycle.spawn(async move {
            if let Err(error) = redis::put_content(&cache, &copy).await {
                tracing::debug!(%error, "the manifest was not written to Redis");
            }
        });
        Ok(Loaded { document, from: Tier::Postgres })
    }

    async fn read_postgres(&self, reader: &Reader, sequence: u64) -> Result<Stored, ReadError> {
        let mut connection = self.connection(reader).await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                reader.assume_role(connection).await?;
                let stored = stored::read(connection, reader.workspace, sequence, &self.metrics).await?;
                if stored.is_none() {
                    reader.must_still_be_member(connection).await?;
                }
                stored.ok_or(ReadError::VersionNotFound)
            })
            .await
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
