//! A sample of who read which version, by what. A read is never slower or refused for it: what does not fit its buffer, or
//! cannot be written, is dropped and counted.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use service_kit::auth::Member;
use tokio::sync::Notify;

use crate::{
    BcmService,
    store::{
        access::{self, Access},
        retention,
    },
    tiers::Found,
};

/// Reads that wait to be written.
const BUFFER: usize = 4096;
/// How often they are.
const FLUSH: Duration = Duration::from_secs(2);
/// How often the partitions are looked after.
const PARTITIONS: Duration = Duration::from_secs(3600);

/// The buffer of a process.
#[derive(Debug)]
pub struct AccessLog {
    /// One of so many reads is noted; 0 notes none.
    sample: u32,
    seen: AtomicU32,
    waiting: Mutex<Vec<Access>>,
    full: Notify,
}

impl AccessLog {
    /// A log that notes one of `sample` reads, none with 0.
    pub fn new(sample: u32) -> Self {
        Self { sample, seen: AtomicU32::new(0), waiting: Mutex::default(), full: Notify::new() }
    }

    /// Notes a read, if it is its turn.
    pub fn note(&self, app: &BcmService, member: &Member, found: &Found, kind: &'static str) {
        let turn = self.seen.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if self.sample == 0 || !turn.is_multiple_of(self.sample) {
            return;
        }
        let read = Access {
            at: app.kit.clock.now(),
            workspace: member.workspace,
            sequence: found.document.record.sequence,
            kind,
            tier: found.content.as_str(),
            user: member.user(),
            stands_for: i32::try_from(self.sample).unwrap_or(i32::MAX),
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < BUFFER {
            waiting.push(read);
        } else {
            app.metrics.access_dropped(1);
        }
        if waiting.len() >= BUFFER / 2 {
            self.full.notify_one();
        }
    }

    fn take(&self) -> Vec<Access> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes what waits until the process drains, and once more then.
pub async fn write(app: Arc<BcmService>) {
    let draining = app.kit.lifecycle.draining();
    while !draining.is_cancelled() {
        tokio::select! {
            () = draining.cancelled() => {}
            () = app.access_log.full.notified() => {}
            () = tokio::time::sleep(FLUSH) => {}
        }
        flush(&app).await;
    }
}

async fn flush(app: &BcmService) {
    let reads = app.access_log.take();
    if reads.is_empty() {
        return;
    }
    let written = async {
        let mut connection = app.kit.worker_db.get().await?;
        access::insert(&mut connection, &reads).await?;
        Ok::<_, service_kit::db::DbError>(())
    };
    if let Err(error) = written.await {
        app.metrics.access_dropped(reads.len());
        tracing::warn!(%error, reads = reads.len(), "reads could not be written to the access log");
    }
}

/// Looks after the partitions until the process drains.
pub async fn keep(app: Arc<BcmService>) {
    let draining = app.kit.lifecycle.draining();
    loop {
        let pause = match keep_once(&app).await {
            Ok(()) => PARTITIONS,
            Err(error) => {
                tracing::warn!(%error, "the access log's partitions cannot be looked after");
                Duration::from_secs(10)
            }
        };
        if draining.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

async fn keep_once(app: &BcmService) -> Result<(), service_kit::db::DbError> {
    let days = i32::try_from(app.config.access_log.keep_days).unwrap_or(i32::MAX);
    let mut connection = app.kit.worker_db.get().await?;
    Ok(retention::keep_access_log(&mut connection, app.kit.clock.now(), days).await?)
}
