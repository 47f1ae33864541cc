//! Head pointers: which version is the newest one, and which one consumers read.
//!
//! A pointer lives five seconds from the moment PostgreSQL confirmed it. While PostgreSQL does not answer, the last one that it
//! confirmed is used for ten minutes, and the answer says so: one caller a second still asks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::WorkspaceId;

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
/// How long while PostgreSQL does not answer.
pub(super) const STALE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// "There is no manifest yet" is believed only by the caller who asked PostgreSQL: whoever got the first one from one
/// replica must not be told by another that there is none.
const MISSING_LIFE: Duration = Duration::ZERO;

/// What is known of a head; no pointer when there is no version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) pointer: Option<Pointer>,
    from: Tier,
    pub(super) life: Duration,
}

/// A head pointer as it was found.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The pointer.
    pub pointer: Pointer,
    /// Where it was.
    pub from: Tier,
    /// How long ago PostgreSQL confirmed it, when it has outlived its five seconds.
    pub stale: Option<TimeDelta>,
}

impl Tiers {
    /// The head pointer.
    pub async fn head(&self, reader: &Reader) -> Result<Found, ReadError> {
        if self.memory.keeps()
            && let Some(Known { pointer: Some(pointer), .. }) = self.memory.heads.get(&reader.workspace).await
        {
            self.metrics.read("head", Tier::Memory);
            return Ok(Found { pointer, from: Tier::Memory, stale: None });
        }
        if !self.outage.let_through()
            && let Some(last) = self.last_confirmed(reader.workspace).await
        {
            return Ok(last);
        }
        let known = if self.memory.keeps() { self.remembered_head(reader).await } else { self.load_head(reader).await };
        match known {
            Ok(known) => {
                self.metrics.read("head", known.from);
                let pointer = known.pointer.ok_or(ReadError::Missing)?;
                self.memory.confirmed(reader.workspace, pointer).await;
                Ok(Found { pointer, from: known.from, stale: None })
            }
            Err(ReadError::Unavailable(reason)) => {
                self.outage.began();
                self.last_confirmed(reader.workspace).await.ok_or(ReadError::Unavailable(reason))
            }
            Err(error) => Err(error),
        }
    }

    /// The last pointer that PostgreSQL confirmed, from here or from Redis, whichever is newer.
    async fn last_confirmed(&self, workspace: WorkspaceId) -> Option<Found> {
        let now = self.kit.clock.now();
        let here = self.memory.last_confirmed(workspace, now).await.map(|pointer| (pointer, Tier::Memory));
        let there = redis::head(&self.kit.cache, workspace).await.ok().flatten();
        let there = there.filter(|pointer| pointer.left(STALE_LIFE, now).is_some()).map(|pointer| (pointer, Tier::Redis));
        let (pointer, from) = here.into_iter().chain(there).max_by_key(|(pointer, _)| (pointer.generation, pointer.confirmed))?;
        self.metrics.read("head", from);
        let stale = pointer.left(HEAD_LIFE, now).is_none().then(|| now - pointer.confirmed);
        if stale.is_some() {
            self.metrics.stale();
        }
        Some(Found { pointer, from, stale })
    }

    async fn remembered_head(&self, reader: &Reader) -> Result<Known, ReadError> {
        let entry = self
            .memory
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
        self.outage.ended();
        Ok((head, confirmed))
    }

    pub(super) async fn forward_head(&self, workspace: WorkspaceId, pointer: Pointer) {
        if let Err(error) = redis::forward_head(&self.kit.cache, workspace, pointer).await {
            tracing::debug!(%error, "the head pointer was not written to Redis");
        }
    }
}
