//! Versions by their sequence: memory, Redis, PostgreSQL.

use std::{sync::Arc, time::Duration};

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::WorkspaceId;

use super::{
    Found, Reader, Tier, Tiers,
    document::{Document, View},
    redis::{self, Lock},
};
use crate::manifest::{
    ReadError,
    stored::{self, Stored},
};

/// A version and where it came from.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) document: Arc<Document>,
    from: Tier,
}

/// How often, and how many times, another process's work is waited for: a quarter of a second in all.
const LOOK: Duration = Duration::from_millis(25);
const LOOKS: u32 = 10;

/// What Redis has of a version.
enum InRedis {
    Found(Loaded),
    /// Nothing, or something damaged.
    Nothing,
    Unreachable,
}

impl Tiers {
    /// The version with this sequence.
    pub async fn version(&self, reader: &Reader, sequence: u64) -> Result<Found, ReadError> {
        let found = Found::alone;
        if !self.memory.keeps() {
            let Loaded { document, from } = self.load(reader, sequence).await?;
            self.metrics.read("content", from);
            return Ok(found(document, from));
        }
        let key = (reader.workspace, sequence);
        // Nearly always; only a load needs an entry, which costs several times a look.
        if let Some(Loaded { document, .. }) = self.memory.documents.get(&key).await {
            self.metrics.read("content", Tier::Memory);
            return Ok(found(document, Tier::Memory));
        }
        let entry = self
            .memory
            .documents
            .entry(key)
            .or_try_insert_with(self.aside(reader, move |tiers, reader| async move { tiers.load(&reader, sequence).await }))
            .await
            .map_err(|error| ReadError::clone(&error))?;
        if entry.is_fresh() {
            self.memory.measure();
        }
        let tier = if entry.is_fresh() { entry.value().from } else { Tier::Memory };
        self.metrics.read("content", tier);
        Ok(found(entry.into_value().document, tier))
    }

    async fn load(&self, reader: &Reader, sequence: u64) -> Result<Loaded, ReadError> {
        let key = (reader.workspace, sequence);
        let asked = self.look_in_redis(key).await;
        if let InRedis::Found(loaded) = asked {
            return Ok(loaded);
        }
        let lock = match asked {
            InRedis::Nothing => redis::lock(&self.kit.cache, key.0, key.1).await.unwrap_or(Lock::Unasked),
            _ => Lock::Unasked,
        };
        if matches!(lock, Lock::Elsewhere)
            && let Some(loaded) = self.wait_for_another(key).await
        {
            return Ok(loaded);
        }
        let stored = self.read_postgres(reader, sequence).await;
        let document = match stored {
            Ok(stored) => Document::new(&stored).map(Arc::new).map_err(|error| ReadError::Internal(error.to_string())),
            Err(error) => Err(error),
        };
        let (cache, copy) = (self.kit.cache.clone(), document.as_ref().ok().cloned());
        self.kit.lifecycle.spawn(async move {
            if let Some(copy) = copy
                && let Err(error) = redis::put_content(&cache, &copy).await
            {
                tracing::debug!(%error, "the manifest was not written to Redis");
            }
            redis::unlock(&cache, key.0, key.1, lock).await;
        });
        Ok(Loaded { document: document?, from: Tier::Postgres })
    }

    /// Another process has the lock and fills Redis: within a moment the version is there, or the other one was too slow.
    async fn wait_for_another(&self, key: (WorkspaceId, u64)) -> Option<Loaded> {
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
            match self.look_in_redis(key).await {
                InRedis::Found(loaded) => return Some(loaded),
                InRedis::Nothing => {}
                InRedis::Unreachable => return None,
            }
        }
        None
    }

    async fn look_in_redis(&self, (workspace, sequence): (WorkspaceId, u64)) -> InRedis {
        let damaged = match redis::content(&self.kit.cache, workspace, sequence).await {
            // Opened here, where another tier can still answer.
            Ok(redis::Found::Document(document)) => match document.plain(View::Content).err() {
                None => return InRedis::Found(Loaded { document: Arc::from(document), from: Tier::Redis }),
                Some(another) => another.to_string(),
            },
            Ok(redis::Found::Damaged(damaged)) => damaged.to_string(),
            Ok(redis::Found::Nothing) => return InRedis::Nothing,
            Err(_) => return InRedis::Unreachable,
        };
        self.metrics.integrity_failure(Tier::Redis);
        tracing::error!(%workspace, sequence, %damaged, "Redis held a damaged manifest; it is repaired");
        InRedis::Nothing
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
}
