//! Drafts in Redis: one hash and one queue of revisions per workspace, and the set of workspaces that PostgreSQL is behind of.

mod entry;
pub(crate) mod keys;

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use chrono::{DateTime, Utc};
use domain::{
    answer::MAX_ANSWER_BYTES,
    canonical,
    ids::{UserId, WorkspaceId},
    step::Slug,
};
use service_kit::{
    cache::{
        Cache, CacheError,
        client::{Script, pipe},
    },
    config::LimitsProfile,
    rate_limit::Limit,
};

use crate::{
    config::DraftsConfig,
    session::{Expected, Revised, Revision, StepState, Steps, StoredStep},
};

/// Saves of one member: at most one every 800 ms is what the form sends, on two devices at once.
pub(crate) const AUTOSAVE: Limit = Limit { name: "autosave", burst: 150, per_s: 60 };

/// What the sections may have in canonical form, so that what surrounds them fits a context too.
pub(crate) const MAX_SECTIONS_BYTES: usize = 180 * 1024;

/// Workspaces that one pass of the write-behind takes, and for how long they are its own.
const CLAIM: usize = 64;
const LEASE_MS: u64 = 5_000;

const DIRTY: &str = "onboarding:dirty";

/// Revisions of one workspace that wait to be written behind; more than `flush_saves` wait only while PostgreSQL is down.
const MOST_QUEUED: i64 = 64;

static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("save.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("load.lua")));
static CLAIM_DUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("settle.lua")));
static DISCARD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("discard.lua")));

/// An edit that has been validated.
#[derive(Debug, Clone)]
pub(crate) struct Save<'a> {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// The step.
    pub(crate) slug: Slug,
    /// The revision it is made on.
    pub(crate) expected: Expected,
    /// The answer in normal form, as canonical JSON; `None` keeps the one that is there.
    pub(crate) answer: Option<&'a str>,
    /// What the step becomes if it was never completed.
    pub(crate) first: StepState,
    /// What it becomes if it was.
    pub(crate) later: StepState,
    /// Whether it completes the step now.
    pub(crate) completes: bool,
    /// The `n` of the revision whose answer it brings back.
    pub(crate) restores: Option<i64>,
    /// Who edits.
    pub(crate) by: UserId,
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// Whether the bucket of saves applies.
    pub(crate) limited: bool,
}

/// What became of a [`Save`].
#[derive(Debug)]
pub(crate) enum Saved {
    /// The hash is not there, or older than the epoch known: it must be loaded first.
    Cold,
    /// It is there.
    Done {
        /// The new revision.
        revision: Revision,
        /// The new state.
        state: StepState,
    },
    /// The step is at another revision.
    Stale(Option<Box<StoredStep>>),
    /// All answers together would have this many bytes.
    TogetherTooLarge(usize),
    /// Too many saves.
    Limited(u64),
}

/// What to read of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// States and revisions.
    States,
    /// With the answers.
    Answers,
    /// One step with its answer.
    Step(Slug),
}

impl Wanted {
    fn fields(self) -> Vec<(Slug, bool)> {
        match self {
            Self::States => Slug::all().map(|slug| (slug, false)).collect(),
            Self::Answers => Slug::all().map(|slug| (slug, true)).collect(),
            Self::Step(slug) => vec![(slug, true)],
        }
    }
}

/// A hash as it was read.
#[derive(Debug)]
pub(crate) struct Cached {
    /// Its epoch.
    pub(crate) epoch: i64,
    /// The steps that were asked for and are touched.
    pub(crate) steps: Steps,
    /// Whether PostgreSQL is behind.
    pub(crate) dirty: bool,
    /// When it expires, in milliseconds from now.
    pub(crate) life_ms: i64,
}

/// What PostgreSQL does not have of a workspace.
#[derive(Debug)]
pub(crate) struct Unsaved {
    /// The hash's epoch; 0 when it is gone.
    pub(crate) epoch: i64,
    /// The steps as they are.
    pub(crate) steps: Steps,
    /// The revisions that led there.
    pub(crate) revisions: Vec<Revised>,
}

/// The workspaces' hashes.
#[derive(Clone)]
pub(crate) struct DraftCache {
    cache: Cache,
    life_s: u64,
    delay_ms: u64,
    most_saves: u32,
    burst: u32,
}

fn key(workspace: WorkspaceId) -> String {
    format!("onboarding:drafts:{workspace}")
}

fn queue(workspace: WorkspaceId) -> String {
    format!("onboarding:revisions:{workspace}")
}

fn unreadable(workspace: WorkspaceId) {
    tracing::warn!(workspace_id = %workspace, "cached drafts are not readable and are loaded anew");
}

impl DraftCache {
    /// On the given Redis.
    pub(crate) fn new(cache: Cache, config: &DraftsConfig, profile: LimitsProfile) -> Self {
        let factor = match profile {
            LimitsProfile::Default => 1,
            LimitsProfile::Load => 1_000,
        };
        Self {
            cache,
            life_s: u64::from(config.life_days) * 86_400,
            delay_ms: config.flush_delay_ms,
            most_saves: config.flush_saves,
            burst: AUTOSAVE.burst * factor,
        }
    }

    /// Makes an edit in one round trip; a hash older than `known_epoch` counts as cold.
    pub(crate) async fn save(&self, known_epoch: i64, save: &Save<'_>) -> Result<Saved, CacheError> {
        let flag = |on| if on { "1" } else { "0" };
        let mut call = SAVE.prepare_invoke();
        call.key(key(save.workspace))
            .key(DIRTY)
            .key(format!("limit:{}:{}", AUTOSAVE.name, save.by))
            .key(queue(save.workspace))
            .arg(known_epoch)
            .arg(save.expected.to_string())
            .arg(save.slug.as_str())
            .arg(save.workspace.to_string())
            .arg(save.first.as_str())
            .arg(save.later.as_str())
            .arg(flag(save.answer.is_some()))
            .arg(save.answer.unwrap_or_default())
            .arg(save.answer.map_or(0, str::len))
            .arg(save.by.to_string())
            .arg(save.at.timestamp_micros())
            .arg(flag(save.completes))
            .arg(self.life_s)
            .arg(MAX_SECTIONS_BYTES)
            .arg(self.delay_ms)
            .arg(self.most_saves)
            .arg(if save.limited { self.burst } else { 0 })
            .arg(AUTOSAVE.per_s)
            .arg(save.restores.map(|n| n.to_string()).unwrap_or_default())
            .arg(MOST_QUEUED);
        let answer: Vec<String> = self.cache.script(&call).await?;
        let fields: Vec<&str> = answer.iter().map(String::as_str).collect();
        Ok(saved(&fields).unwrap_or_else(|| {
            unreadable(save.workspace);
            Saved::Cold
        }))
    }

    /// Reads a hash in one round trip; `None` when it is not there.
    pub(crate) async fn read(&self, workspace: WorkspaceId, wanted: Wanted) -> Result<Option<Cached>, CacheError> {
        let key = key(workspace);
        let wanted = wanted.fields();
        let mut fields = vec!["epoch".to_owned()];
        for (slug, with_answer) in &wanted {
            fields.push(format!("m:{slug}"));
            if *with_answer {
                fields.push(format!("v:{slug}"));
            }
        }
        let mut all = pipe();
        all.cmd("HMGET").arg(&key).arg(fields).cmd("PTTL").arg(&key).cmd("ZSCORE").arg(DIRTY).arg(workspace.to_string());
        let (values, life_ms, due): (Vec<Option<String>>, i64, Option<f64>) = self.cache.pipeline(&all).await?;
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        let Some(epoch) = next().and_then(|epoch| epoch.parse().ok()) else { return Ok(None) };
        let mut steps = Steps::new();
        for (slug, with_answer) in wanted {
            let (meta, answer) = (next(), if with_answer { next() } else { None });
            let Some(meta) = meta else { continue };
            let Some(step) = entry::step(epoch, &meta, answer.as_deref()) else {
                unreadable(workspace);
                return Ok(None);
            };
            steps.insert(slug, step);
        }
        Ok(Some(Cached { epoch, steps, dirty: due.is_some(), life_ms }))
    }

    /// Loads rows under a new epoch; `false` when that or a newer one is there already.
    pub(crate) async fn load(&self, workspace: WorkspaceId, epoch: i64, steps: &Steps) -> Result<bool, CacheError> {
        let mut call = LOAD.prepare_invoke();
        call.key(key(workspace)).key(queue(workspace)).arg(epoch).arg(self.life_s);
        let mut bytes = 0;
        for (slug, step) in steps {
            let answer = step
                .answer
                .as_ref()
                .and_then(|answer| canonical::value_to_bytes(answer).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let size = answer.as_ref().map_or(0, String::len);
            if let Some(answer) = answer {
                call.arg(format!("v:{slug}")).arg(answer);
                bytes += size + slug.as_str().len() + 4;
            }
            call.arg(format!("m:{slug}")).arg(entry::meta(step, size));
        }
        call.arg("bytes").arg(bytes);
        self.cache.script(&call).await
    }

    /// Takes workspaces that are due to be written behind.
    pub(crate) async fn claim_due(&self) -> Result<Vec<WorkspaceId>, CacheError> {
        let mut call = CLAIM_DUE.prepare_invoke();
        call.key(DIRTY).arg(LEASE_MS).arg(CLAIM);
        let due: Vec<String> = self.cache.script(&call).await?;
        Ok(due.iter().filter_map(|workspace| workspace.parse().ok()).collect())
    }

    /// What PostgreSQL does not have.
    pub(crate) async fn unsaved(&self, workspace: WorkspaceId) -> Result<Unsaved, CacheError> {
        let mut all = pipe();
        all.cmd("HGETALL").arg(key(workspace)).cmd("LRANGE").arg(queue(workspace)).arg(0).arg(-1);
        let (hash, queue): (HashMap<String, String>, Vec<String>) = self.cache.pipeline(&all).await?;
        let epoch = hash.get("epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let mut steps = Steps::new();
        for slug in Slug::all().filter(|slug| hash.contains_key(&format!("d:{slug}"))) {
            let answer = hash.get(&format!("v:{slug}")).map(String::as_str);
            match hash.get(&format!("m:{slug}")).and_then(|meta| entry::step(epoch, meta, answer)) {
                Some(step) => drop(steps.insert(slug, step)),
                None => unreadable(workspace),
            }
        }
        // What led to these steps, and no more: a revision is on disk when its step is.
        let leads = |revised: &Revised| {
            steps.get(&revised.slug).is_some_and(|step| revised.step.revision.epoch == epoch && revised.step.revision.n <= step.revision.n)
        };
        let mut revisions: Vec<Revised> = queue.iter().filter_map(|entry| entry::revised(entry)).filter(leads).collect();
        for (slug, step) in &steps {
            if !revisions.iter().any(|revised| revised.slug == *slug && revised.step.revision == step.revision) {
                revisions.push(Revised { slug: *slug, step: step.clone(), restores: None });
            }
        }
        Ok(Unsaved { epoch, steps, revisions })
    }

    /// Notes that PostgreSQL has these revisions, and those before them.
    pub(crate) async fn settle(&self, workspace: WorkspaceId, epoch: i64, written: &BTreeMap<Slug, i64>) -> Result<(), CacheError> {
        let mut call = SETTLE.prepare_invoke();
        call.key(key(workspace)).key(DIRTY).key(queue(workspace)).arg(workspace.to_string()).arg(epoch).arg(self.delay_ms);
        for (slug, n) in written {
            call.arg(slug.as_str()).arg(*n);
        }
        self.cache.script::<i64>(&call).await.map(|_| ())
    }

    /// How many workspaces PostgreSQL is behind of, and when the first of them is due (milliseconds since 1970).
    pub(crate) async fn backlog(&self) -> Result<(i64, Option<f64>), CacheError> {
        let mut ask = pipe();
        ask.cmd("ZCARD").arg(DIRTY).cmd("ZRANGE").arg(DIRTY).arg(0).arg(0).arg("WITHSCORES");
        let (dirty, first): (i64, Vec<(String, f64)>) = self.cache.pipeline(&ask).await?;
        Ok((dirty, first.first().map(|(_, due)| *due)))
    }

    /// Drops a hash of this epoch or an older one.
    pub(crate) async fn discard(&self, workspace: WorkspaceId, epoch: i64) -> Result<(), CacheError> {
        let mut call = DISCARD.prepare_invoke();
        call.key(key(workspace)).key(DIRTY).key(queue(workspace)).arg(workspace.to_string()).arg(epoch);
        self.cache.script::<i64>(&call).await.map(|_| ())
    }
}

fn saved(answer: &[&str]) -> Option<Saved> {
    Some(match *answer {
        ["cold"] => Saved::Cold,
        ["limited", seconds] => Saved::Limited(seconds.parse().ok()?),
        ["stale", _, "", _] => Saved::Stale(None),
        ["stale", epoch, meta, answer] => Saved::Stale(Some(Box::new(entry::step(epoch.parse().ok()?, meta, Some(answer))?))),
        ["large", bytes] => Saved::TogetherTooLarge(bytes.parse().ok()?),
        ["saved", epoch, n, state] => {
            Saved::Done { revision: Revision { epoch: epoch.parse().ok()?, n: n.parse().ok()? }, state: state.parse().ok()? }
        }
        _ => return None,
    })
}

const _: () = assert!(MAX_ANSWER_BYTES < MAX_SECTIONS_BYTES);

#[cfg(test)]
mod tests {
    use domain::context::{ContextError, Sections, check_size};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_of_the_script_is_the_one_of_a_context() {
        let slug = Slug::all().next().unwrap();
        let of_length = |length: usize| check_size(&Sections::from([(slug, json!("x".repeat(length)))]));
        match of_length(MAX_SECTIONS_BYTES) {
            Err(ContextError::TooLarge { limit, .. }) => assert_eq!(limit, MAX_SECTIONS_BYTES),
            other => panic!("{other:?}"),
        }
        // What the script counts: the answer, "slug": and a comma, and one brace more than commas.
        let answer = MAX_SECTIONS_BYTES - 1 - slug.as_str().len() - 4;
        assert_eq!(of_length(answer - 2).unwrap(), MAX_SECTIONS_BYTES);
    }

    #[test]
    fn an_answer_of_the_script_that_makes_no_sense_counts_as_cold() {
        assert!(saved(&["saved", "1", "x", "draft"]).is_none());
        assert!(saved(&[]).is_none());
        assert!(matches!(
            saved(&["saved", "2", "3", "draft"]),
            Some(Saved::Done { revision: Revision { epoch: 2, n: 3 }, state: StepState::Draft })
        ));
    }
}
