//! Versions by their sequence: memory, Redis, PostgreSQL.

use std::sync::Arc;

use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::{
    Found, Reader, Tier, Tiers,
    document::{Document, View},
    redis,
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

impl Tiers {
    /// The version with this sequence.
    pub async fn version(&self, reader: &Reader, sequence: u64) -> Result<Found, ReadError> {
        let found = |document, content| Found { document, head: None, content, pinned: false };
        if !self.memory {
            let Loaded { document, from } = self.load(reader, sequence).await?;
            self.metrics.read("content", from);
            return Ok(found(document, from));
        }
        let key = (reader.workspace, sequence);
        // Nearly always; only a load needs an entry, which costs several times a look.
        if let Some(Loaded { document, .. }) = self.documents.get(&key).await {
            self.metrics.read("content", Tier::Memory);
            return Ok(found(document, Tier::Memory));
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
        Ok(found(entry.into_value().document, tier))
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
}
