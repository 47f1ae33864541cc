//! Head pointers: which version is the newest one, and which one consumers read.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::WorkspaceId;
use moka::Expiry;

use super::{
    Reader, Tier, Tiers,
    redis::{self, Pointer},
};
use crate::{
    manifest::ReadError,
    store::head::{self, Head},
};

/// How long a head pointer may be believed after PostgreSQL confirmed it.
pub(super) const HEAD_LIFE: TimeDelta = TimeDelta::seconds(5);
/// "There is no manifest yet" is believed only by the caller who asked PostgreSQL: whoever got the first one from one
/// replica must not be told by another that there is none.
const MISSING_LIFE: Duration = Duration::ZERO;

/// What is known of a head; no pointer when there is no version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) pointer: Option<Pointer>,
    from: Tier,
    life: Duration,
}

pub(super) struct HeadLife;

impl Expiry<WorkspaceId, Known> for HeadLife {
    fn expire_after_create(&self, _: &WorkspaceId, head: &Known, _: Instant) -> Option<Duration> {
        Some(head.life)
    }
}

impl Tiers {
    /// The head pointer, and where it was found.
    pub async fn head(&self, reader: &Reader) -> Result<(Pointer, Tier), ReadError> {
        let head = if self.memory { self.remembered_head(reader).await? } else { self.load_head(reader).await? };
        self.metrics.read("head", head.from);
        Ok((head.pointer.ok_or(ReadError::Missing)?, head.from))
    }

    async fn remembered_head(&self, reader: &Reader) -> Result<Known, ReadError> {
        if let Some(head @ Known { pointer: Some(_), .. }) = self.heads.get(&reader.workspace).await {
            return Ok(Known { from: Tier::Memory, ..head });
        }
        let entry = self
            .heads
            .entry(reader.workspace)
            .or_try_insert_with(self.aside(reader, |tiers, reader| async move { tiers.load_head(&reader).await }))
            .await
            .map_err(|error| ReadError::clone(&error))?;
        let (fresh, head) = (entry.is_fresh(), entry.into_value());
        match head.pointer {
            _ if fresh => Ok(head),
            Some(_) => Ok(Known { from: Tier::Memory, ..head }),
            // Another caller's question, which may be older than the first manifest.
            None => self.load_head(reader).await,
        }
    }

    async fn load_head(&self, reader: &Reader) -> Result<Known, ReadError> {
        if let Ok(Some(pointer)) = redis::head(&self.kit.cache, reader.workspace).await
            && let Some(left) = pointer.left(HEAD_LIFE, self.kit.clock.now())
        {
            return Ok(Known { pointer: Some(pointer), from: Tier::Redis, life: left.to_std().unwrap_or_default() });
        }
        self.head_from_postgres(reader).await
    }

    pub(super) async fn head_from_postgres(&self, reader: &Reader) -> Result<Known, ReadError> {
        let (head, confirmed) = self.ask_head(reader).await?;
        let Some(head) = head else {
            return Ok(Known { pointer: None, from: Tier::Postgres, life: MISSING_LIFE });
        };
        let pointer = Pointer::of(head, confirmed);
        let (tiers, workspace) = (self.clone(), reader.workspace);
        self.kit.lifecycle.spawn(async move { tiers.forward_head(workspace, pointer).await });
        Ok(Known { pointer: Some(pointer), from: Tier::Postgres, life: HEAD_LIFE.to_std().unwrap_or_default() })
    }

    /// The head in PostgreSQL, and a moment at which it was that.
    pub(super) async fn ask_head(&self, reader: &Reader) -> Result<(Option<Head>, DateTime<Utc>), ReadError> {
        // Taken before the question, so that it is never too late.
        let confirmed = self.kit.clock.now();
        let mut connection = self.connection(reader).await?;
        let head = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                reader.assume_role(connection).await?;
                let head = head::find(connection, reader.workspace).await?;
                if head.is_none() {
                    reader.must_still_be_member(connection).await?;
                }
                Ok::<_, ReadError>(head)
            })
            .await?;
        Ok((head, confirmed))
    }

    pub(super) async fn forward_head(&self, workspace: WorkspaceId, pointer: Pointer) {
        if let Err(error) = redis::forward_head(&self.kit.cache, workspace, pointer).await {
            tracing::debug!(%error, "the head pointer was not written to Redis");
        }
    }
}
