//! The keys of sessions in Redis, as the cleanup looks through them.

use std::{sync::LazyLock, time::Duration};

use domain::ids::WorkspaceId;
use service_kit::cache::{
    CacheError,
    client::{Script, cmd, pipe},
};

use super::{DIRTY, DraftCache, key, queue};

/// Keys that Redis looks at in one step of a scan.
const STEP: usize = 500;
/// Between two steps, so that a scan of many keys leaves Redis to the saves.
const PAUSE: Duration = Duration::from_millis(5);

/// Removes a queue whose hash is gone, unless a session began meanwhile.
static REMOVE_QUEUE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end redis.call('ZREM', KEYS[3], ARGV[1]) return redis.call('DEL', KEYS[2])",
    )
});

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The hash of a session.
    Drafts,
    /// The queue of its revisions.
    Revisions,
}

impl Place {
    /// The name at the console.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Drafts => "drafts",
            Self::Revisions => "revisions",
        }
    }

    fn key(self, workspace: WorkspaceId) -> String {
        match self {
            Self::Drafts => key(workspace),
            Self::Revisions => queue(workspace),
        }
    }
}

/// A key that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whose it is.
    pub(crate) workspace: WorkspaceId,
    /// What it holds.
    pub(crate) place: Place,
    /// The epoch of the workspace's hash; 0 when there is none.
    pub(crate) epoch: i64,
    /// Milliseconds to live; negative without an end.
    pub(crate) life_ms: i64,
}

impl DraftCache {
    /// One step of a scan through all sessions: the next cursor, 0 at the end, and what was found.
    pub(crate) async fn scan(&self, cursor: u64) -> Result<(u64, Vec<Found>), CacheError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg("onboarding:*:*").arg("COUNT").arg(STEP);
        let (next, names): (u64, Vec<String>) = self.cache.query(&scan).await?;
        let keys: Vec<_> = names.iter().filter_map(|name| place(name)).collect();
        let found = self.look_at(&keys).await?;
        tokio::time::sleep(PAUSE).await;
        Ok((next, found))
    }

    /// The keys of one workspace.
    pub(crate) async fn keys_of(&self, workspace: WorkspaceId) -> Result<Vec<Found>, CacheError> {
        self.look_at(&[(workspace, Place::Drafts), (workspace, Place::Revisions)]).await
    }

    async fn look_at(&self, keys: &[(WorkspaceId, Place)]) -> Result<Vec<Found>, CacheError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = pipe();
        for (workspace, place) in keys {
            ask.cmd("HGET").arg(key(*workspace)).arg("epoch").cmd("PTTL").arg(place.key(*workspace));
        }
        let answers: Vec<Option<i64>> = self.cache.pipeline(&ask).await?;
        let found = keys.iter().zip(answers.chunks_exact(2)).filter_map(|((workspace, place), answer)| match answer {
            // -2 is a key that is not there.
            [epoch, Some(life_ms)] if *life_ms != -2 => {
                Some(Found { workspace: *workspace, place: *place, epoch: epoch.unwrap_or(0), life_ms: *life_ms })
            }
            _ => None,
        });
        Ok(found.collect())
    }

    /// Gives a key the lifetime of a session.
    pub(crate) async fn give_lifetime(&self, found: &Found) -> Result<(), CacheError> {
        let mut expire = cmd("EXPIRE");
        expire.arg(found.place.key(found.workspace)).arg(self.life_s).arg("NX");
        self.cache.query::<i64>(&expire).await.map(|_| ())
    }

    /// Removes what belongs to nothing any more, unless a session began there meanwhile.
    pub(crate) async fn remove_orphan(&self, found: &Found) -> Result<(), CacheError> {
        match found.place {
            Place::Drafts => self.discard(found.workspace, found.epoch).await,
            Place::Revisions => {
                let mut call = REMOVE_QUEUE.prepare_invoke();
                call.key(key(found.workspace)).key(queue(found.workspace)).key(DIRTY).arg(found.workspace.to_string());
                self.cache.script::<i64>(&call).await.map(|_| ())
            }
        }
    }
}

/// Whose key this is, and what it holds; `None` for one of another kind.
fn place(name: &str) -> Option<(WorkspaceId, Place)> {
    let (kind, workspace) = name.strip_prefix("onboarding:")?.split_once(':')?;
    let place = [Place::Drafts, Place::Revisions].into_iter().find(|place| place.as_str() == kind)?;
    Some((workspace.parse().ok()?, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_name() {
        let workspace = WorkspaceId::generate();
        assert_eq!(place(&key(workspace)), Some((workspace, Place::Drafts)));
        assert_eq!(place(&queue(workspace)), Some((workspace, Place::Revisions)));
        for other in [DIRTY, "onboarding:drafts:x", "onboarding:other:019c2d6e-0000-7000-8000-000000000001", "drafts"] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
