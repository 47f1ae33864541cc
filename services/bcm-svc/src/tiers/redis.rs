//! Tier 1: frames by version and the head pointer, in Redis. Whatever fails here is a miss.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::WorkspaceId;
use service_kit::cache::{
    Cache, CacheError,
    client::{self as redis, Script},
};

use uuid::Uuid;

use super::{
    document::Document,
    frame::{self, Damaged},
};
use crate::store::head::Head;

/// Where replicas tell each other what to forget.
pub const CHANNEL: &str = "bcm:1:forget";

static HEAD_FORWARD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("head_forward.lua")));
static REMOVE_IF: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove_if.lua")));
static CURRENT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("current.lua")));

/// A day, before jitter.
pub const LIFE_S: u64 = 86_400;
/// Whoever has not filled a version by then has stopped.
const LOCK_MS: u64 = 3_000;

/// Keys of one workspace share a hash tag; the number is the version of frame and head format, so that replicas of two
/// releases never read each other's.
fn content_key(workspace: WorkspaceId, sequence: u64) -> String {
    format!("{}{sequence}", content_keys(workspace))
}

fn content_keys(workspace: WorkspaceId) -> String {
    format!("bcm:3:{{{workspace}}}:content:")
}

fn head_key(workspace: WorkspaceId) -> String {
    format!("bcm:3:{{{workspace}}}:head")
}

/// A day and up to a tenth more, the same for each version: what was written together does not expire together.
fn life_s(workspace: WorkspaceId, sequence: u64) -> u64 {
    let spread = workspace.as_uuid().as_u64_pair().1.wrapping_add(sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    LIFE_S + spread % (LIFE_S / 10)
}

/// What lay under a version's key.
#[derive(Debug)]
pub enum Found {
    /// The version, verified.
    Document(Box<Document>),
    /// Something else.
    Damaged(Damaged),
    /// Nothing.
    Nothing,
}

/// Reads a version and refreshes its life.
pub async fn content(cache: &Cache, workspace: WorkspaceId, sequence: u64) -> Result<Found, CacheError> {
    let mut command = redis::cmd("GETEX");
    command.arg(content_key(workspace, sequence)).arg("EX").arg(life_s(workspace, sequence));
    Ok(match cache.query::<Option<Vec<u8>>>(&command).await? {
        None => Found::Nothing,
        Some(frame) => opened(&frame, workspace, sequence),
    })
}

fn opened(frame: &[u8], workspace: WorkspaceId, sequence: u64) -> Found {
    match frame::decode(frame, workspace, sequence) {
        Ok(document) => Found::Document(Box::new(document)),
        Err(damaged) => Found::Damaged(damaged),
    }
}

/// Reads the head pointer and the version that it names in one round trip; `None` without a pointer.
pub async fn current(cache: &Cache, workspace: WorkspaceId) -> Result<Option<(Pointer, Found)>, CacheError> {
    let mut script = CURRENT.prepare_invoke();
    script.key(head_key(workspace)).arg(content_keys(workspace)).arg(LIFE_S);
    let answer: Vec<Vec<u8>> = cache.script(&script).await?;
    let mut answer = answer.into_iter();
    let head = answer.next().and_then(|head| Pointer::parse(std::str::from_utf8(&head).ok()?));
    Ok(head.map(|pointer| (pointer, answer.next().map_or(Found::Nothing, |frame| opened(&frame, workspace, pointer.live)))))
}

/// Who loads a version for all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// This one, under this token.
    Mine(Uuid),
    /// Another one.
    Elsewhere,
    /// Redis was not asked.
    Unasked,
}

fn lock_key(workspace: WorkspaceId, sequence: u64) -> String {
    format!("bcm:3:{{{workspace}}}:lock:{sequence}")
}

/// Takes the lock of a version for three seconds, unless another process has it.
pub async fn lock(cache: &Cache, workspace: WorkspaceId, sequence: u64) -> Result<Lock, CacheError> {
    let token = Uuid::now_v7();
    let mut command = redis::cmd("SET");
    command.arg(lock_key(workspace, sequence)).arg(token.to_string()).arg("NX").arg("PX").arg(LOCK_MS);
    let set: Option<String> = cache.query(&command).await?;
    Ok(if set.is_some() { Lock::Mine(token) } else { Lock::Elsewhere })
}

/// Gives the lock back, if it is still this process's. One that is lost ends by itself.
pub async fn unlock(cache: &Cache, workspace: WorkspaceId, sequence: u64, lock: Lock) {
    let Lock::Mine(token) = lock else { return };
    let mut script = REMOVE_IF.prepare_invoke();
    script.key(lock_key(workspace, sequence)).arg(token.to_string());
    if let Err(error) = cache.script::<i64>(&script).await {
        tracing::debug!(%error, "a lock was not given back");
    }
}

/// Writes a version over whatever lies there: it can only be the same or damaged.
pub async fn put_content(cache: &Cache, document: &Document) -> Result<(), CacheError> {
    let (workspace, sequence) = (document.record.workspace_id, document.record.sequence);
    let mut command = redis::cmd("SET");
    let Ok(frame) = frame::encode(document) else { return Ok(()) };
    command.arg(content_key(workspace, sequence)).arg(frame).arg("EX").arg(life_s(workspace, sequence));
    cache.query(&command).await
}

/// A head pointer as it lies in Redis: `generation latest live confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// Rises with every move of head and pin.
    pub generation: u64,
    /// The sequence of the newest version.
    pub latest: u64,
    /// The sequence of the version that consumers read.
    pub live: u64,
    /// When PostgreSQL said so.
    pub confirmed: DateTime<Utc>,
}

impl Pointer {
    /// What PostgreSQL said at a moment.
    pub fn of(head: Head, confirmed: DateTime<Utc>) -> Self {
        Self { generation: head.generation, latest: head.latest, live: head.live(), confirmed }
    }

    /// Whether consumers are kept on an older version.
    pub const fn is_pinned(&self) -> bool {
        self.live != self.latest
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(str::parse::<i64>);
        let mut next = || numbers.next()?.ok();
        let (generation, latest, live, confirmed) = (next()?, next()?, next()?, next()?);
        let positive = |number: i64| u64::try_from(number).ok();
        let pointer = Self {
            generation: positive(generation)?,
            latest: positive(latest)?,
            live: positive(live)?,
            confirmed: DateTime::from_timestamp_millis(confirmed)?,
        };
        numbers.next().is_none().then_some(pointer)
    }

    /// What lies in Redis for it.
    fn text(self) -> String {
        format!("{} {} {} {}", self.generation, self.latest, self.live, self.confirmed.timestamp_millis())
    }

    /// How much of `limit` is left since it was confirmed; nothing when it is older, or from a clock that is ahead.
    pub fn left(self, limit: TimeDelta, now: DateTime<Utc>) -> Option<TimeDelta> {
        let age = now - self.confirmed;
        let fresh = age >= TimeDelta::zero() && age < limit;
        fresh.then(|| limit - age)
    }
}

/// Reads the head pointer.
pub async fn head(cache: &Cache, workspace: WorkspaceId) -> Result<Option<Pointer>, CacheError> {
    let mut command = redis::cmd("GET");
    command.arg(head_key(workspace));
    let held = cache.query::<Option<Vec<u8>>>(&command).await?;
    Ok(held.and_then(|bytes| Pointer::parse(std::str::from_utf8(&bytes).ok()?)))
}

/// Moves the head pointer forward.
pub async fn forward_head(cache: &Cache, workspace: WorkspaceId, pointer: Pointer) -> Result<(), CacheError> {
    let key = head_key(workspace);
    let mut script = HEAD_FORWARD.prepare_invoke();
    script.key(key).arg(pointer.generation).arg(pointer.latest).arg(pointer.live).arg(pointer.confirmed.timestamp_millis()).arg(LIFE_S);
    cache.script::<i64>(&script).await.map(|_| ())
}

/// Removes a head pointer that leads nowhere, unless another one has taken its place. Otherwise one with a high generation would
/// stay until the end of its life, because the pointer only moves forward.
pub async fn remove_head(cache: &Cache, workspace: WorkspaceId, pointer: Pointer) -> Result<(), CacheError> {
    let key = head_key(workspace);
    let mut script = REMOVE_IF.prepare_invoke();
    script.key(key).arg(pointer.text());
    cache.script::<i64>(&script).await.map(|_| ())
}

/// Tells every replica.
pub async fn publish(cache: &Cache, message: &str) -> Result<(), CacheError> {
    let mut command = redis::cmd("PUBLISH");
    command.arg(CHANNEL).arg(message);
    cache.query::<i64>(&command).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_pointer_is_trusted_for_the_rest_of_its_life_and_never_from_the_future() {
        let pointer = Pointer { generation: 4, latest: 3, live: 2, confirmed: at("2026-11-25T10:00:00Z") };
        let limit = TimeDelta::seconds(5);
        assert_eq!(pointer.left(limit, at("2026-11-25T10:00:02Z")), Some(TimeDelta::seconds(3)));
        assert_eq!(pointer.left(limit, at("2026-11-25T10:00:05Z")), None);
        assert_eq!(pointer.left(limit, at("2026-11-25T09:59:59Z")), None);
    }

    #[test]
    fn what_is_no_pointer_is_none() {
        let pointer = Pointer { generation: 4, latest: 3, live: 2, confirmed: at("1970-01-01T00:00:01Z") };
        assert_eq!(Pointer::parse("4 3 2 1000"), Some(pointer));
        assert_eq!(pointer.text(), "4 3 2 1000");
        for bad in ["", "3", "3 1000", "4 3 2 ", "x 3 2 1000", "4 3 2 x", "4 -3 2 1000", "4 3 2 1000 1"] {
            assert_eq!(Pointer::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn lives_are_spread_over_a_tenth_of_a_day() {
        let workspace = WorkspaceId::generate();
        let lives: std::collections::BTreeSet<u64> = (1..100).map(|sequence| life_s(workspace, sequence)).collect();
        assert!(lives.len() > 90 && lives.iter().all(|life| (LIFE_S..LIFE_S + LIFE_S / 10).contains(life)));
    }
}
