//! Looking after the keys of Redis: what lost its life, its workspace or its place in the budget is removed.
//!
//! Every key is written with a life, so that Redis forgets on its own; this is for what a fault, a restore or a deletion left,
//! and for a Redis that is shared and must not fill up with manifests.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use domain::ids::WorkspaceId;
use service_kit::cache::{CacheError, client as redis};
use uuid::Uuid;

use super::{Tiers, redis::LIFE_S};
use crate::store::head;

/// How often Redis is looked through, by one process.
const EVERY: Duration = Duration::from_secs(600);
/// Keys that are looked at in one step.
const STEP: usize = 500;
const LOCK: &str = "bcm:sweep";

/// What a key of ours is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Head(WorkspaceId),
    Content(WorkspaceId, u64),
    Lock,
}

/// `bcm:3:{workspace}:content:7`, of whichever version of the frame.
fn of(key: &str) -> Option<Of> {
    let (_, rest) = key.strip_prefix("bcm:")?.split_once(":{")?;
    let (workspace, rest) = rest.split_once("}:")?;
    let workspace = WorkspaceId::from_uuid(workspace.parse::<Uuid>().ok()?);
    match rest.split_once(':') {
        None if rest == "head" => Some(Of::Head(workspace)),
        Some(("content", sequence)) => Some(Of::Content(workspace, sequence.parse().ok()?)),
        Some(("lock", _)) => Some(Of::Lock),
        _ => None,
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys of versions that are left.
    pub keys: u64,
    /// Locks without a life.
    pub locks: u64,
    /// Keys that would have lived for ever and were given a life.
    pub without_life: u64,
    /// Keys of workspaces or versions that are no more.
    pub orphans: u64,
    /// Keys beyond the budget.
    pub over_budget: u64,
}

/// Looks through Redis every ten minutes until the process drains.
pub async fn sweep(tiers: Tiers) {
    let draining = tiers.kit.lifecycle.draining();
    while draining.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        match tiers.sweep_in_turn().await {
            Ok(Some(swept)) => tracing::debug!(?swept, "Redis was looked through"),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "Redis could not be looked through"),
        }
    }
}

/// Why Redis could not be looked through.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Redis does not answer.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// PostgreSQL does not.
    #[error(transparent)]
    Db(#[from] service_kit::db::DbError),
}

impl From<diesel::result::Error> for SweepError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

impl Tiers {
    /// Does it unless another process did in this turn.
    async fn sweep_in_turn(&self) -> Result<Option<Swept>, SweepError> {
        let mut turn = redis::cmd("SET");
        turn.arg(LOCK).arg("1").arg("NX").arg("EX").arg(EVERY.as_secs() / 2);
        if self.kit.cache.query::<Option<String>>(&turn).await?.is_none() {
            return Ok(None);
        }
        self.sweep_once().await.map(Some)
    }

    /// Looks through Redis once.
    pub async fn sweep_once(&self) -> Result<Swept, SweepError> {
        let mut swept = Swept::default();
        let mut contents: BTreeMap<(WorkspaceId, u64), (String, i64)> = BTreeMap::new();
        let mut heads: HashMap<WorkspaceId, String> = HashMap::new();
        let mut cursor: u64 = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg("bcm:*").arg("COUNT").arg(STEP);
            let (next, keys): (u64, Vec<String>) = self.kit.cache.query(&scan).await?;
            let ours: Vec<(String, Of)> = keys.into_iter().filter_map(|key| of(&key).map(|of| (key, of))).collect();
            for ((key, of), life_s) in ours.iter().zip(self.lives(&ours).await?) {
                match (*of, life_s) {
                    (Of::Lock, -1) => {
                        swept.locks += 1;
                        self.remove(std::slice::from_ref(key)).await?;
                    }
                    (Of::Lock, _) => {}
                    (of, life_s) => {
                        if life_s == -1 {
                            swept.without_life += 1;
                            let mut expire = redis::cmd("EXPIRE");
                            expire.arg(key).arg(LIFE_S);
                            self.kit.cache.query::<i64>(&expire).await?;
                        }
                        match of {
                            Of::Head(workspace) => _ = heads.insert(workspace, key.clone()),
                            Of::Content(workspace, sequence) => _ = contents.insert((workspace, sequence), (key.clone(), life_s)),
                            Of::Lock => {}
                        }
                    }
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let known = self.heads_of(contents.keys().map(|(workspace, _)| *workspace).chain(heads.keys().copied())).await?;
        let mut orphans: Vec<String> =
            heads.into_iter().filter(|(workspace, _)| !known.contains_key(workspace)).map(|(_, key)| key).collect();
        contents.retain(|(workspace, sequence), (key, _)| {
            let there = known.get(workspace).is_some_and(|head| *sequence <= head.latest);
            if !there {
                orphans.push(key.clone());
            }
            there
        });
        swept.orphans = count(&orphans);
        self.remove(&orphans).await?;

        let budget = usize::try_from(self.memory.budgets().redis_keys).unwrap_or(usize::MAX);
        if contents.len() > budget {
            // What nobody reads by its head first, then what was read longest ago: reading gives a new life.
            let is_read = |(workspace, sequence): &(WorkspaceId, u64)| {
                known.get(workspace).is_some_and(|head| *sequence == head.latest || *sequence == head.live())
            };
            let mut by_use: Vec<_> = contents.iter().map(|(of, (key, life_s))| (is_read(of), *life_s, key.clone())).collect();
            by_use.sort();
            let beyond: Vec<String> = by_use.into_iter().take(contents.len() - budget).map(|(_, _, key)| key).collect();
            swept.over_budget = count(&beyond);
            self.remove(&beyond).await?;
        }
        swept.keys = u64::try_from(contents.len()).unwrap_or(u64::MAX) - swept.over_budget;
        self.metrics.swept(&swept);
        self.memory.measure();
        Ok(swept)
    }

    /// The seconds that each key has left; -1 for ever, -2 gone.
    async fn lives(&self, keys: &[(String, Of)]) -> Result<Vec<i64>, CacheError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for (key, _) in keys {
            pipeline.cmd("TTL").arg(key);
        }
        self.kit.cache.pipeline(&pipeline).await
    }

    async fn remove(&self, keys: &[String]) -> Result<(), CacheError> {
        for step in keys.chunks(STEP) {
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(step);
            self.kit.cache.query::<i64>(&unlink).await?;
        }
        Ok(())
    }

    async fn heads_of(&self, workspaces: impl Iterator<Item = WorkspaceId>) -> Result<HashMap<WorkspaceId, head::Head>, SweepError> {
        let mut workspaces: Vec<WorkspaceId> = workspaces.collect();
        workspaces.sort();
        workspaces.dedup();
        let mut known = HashMap::new();
        for step in workspaces.chunks(STEP) {
            let mut connection = self.kit.worker_db.get().await?;
            known.extend(head::of_all(&mut connection, step).await?);
        }
        Ok(known)
    }
}

fn count(keys: &[String]) -> u64 {
    u64::try_from(keys.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_is_of_whichever_frame_wrote_it() {
        let id = "0199aaaa-0000-7000-8000-000000000001";
        let workspace = WorkspaceId::from_uuid(id.parse().unwrap());
        assert_eq!(of(&format!("bcm:3:{{{id}}}:head")), Some(Of::Head(workspace)));
        assert_eq!(of(&format!("bcm:2:{{{id}}}:content:17")), Some(Of::Content(workspace, 17)));
        assert_eq!(of(&format!("bcm:3:{{{id}}}:lock:17")), Some(Of::Lock));
        for other in ["bcm:sweep", "bcm:3:{x}:head", "draft:1", "bcm:3:content:1", &format!("bcm:3:{{{id}}}:content:x")] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
