//! What time does to sessions: reminders, putting away, repairs in Redis. One process at a time, by lease.

pub(crate) mod archive;
mod remind;
pub(crate) mod repair;
pub(crate) mod statistics;

use chrono::TimeDelta;
use service_kit::{cache::CacheError, db::DbError};

use crate::{OnboardingService, standing::ChangeError, store};

/// The name of the lease.
const LEASE: &str = "cleanup";
/// A round takes seconds; whoever dies in one gives way after this.
const LEASE_TIME: TimeDelta = TimeDelta::minutes(5);
/// Batches of a round; what is left waits for the next.
const MOST_BATCHES: u32 = 20;

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CleanupError {
    /// PostgreSQL did not take it.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Redis did not answer.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl From<DbError> for CleanupError {
    fn from(error: DbError) -> Self {
        Self::Change(error.into())
    }
}

impl From<diesel::result::Error> for CleanupError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Change(error.into())
    }
}

/// One round, unless another process is at it or the last one was just now.
pub(crate) async fn run(app: &OnboardingService) -> Result<usize, CleanupError> {
    if !begun(app).await? {
        return Ok(0);
    }
    for _ in 0..MOST_BATCHES {
        let reminded = remind::remind(app).await?;
        let archived = archive::archive_abandoned(app).await?;
        if !reminded.more && !archived.more {
            break;
        }
    }
    // Without Redis there is nothing to repair in it, which does not hold up the rest.
    let repaired = repair::repair(app, None, false).await;
    let to_its_end = match repaired {
        Ok(repaired) => {
            if !repaired.is_empty() {
                tracing::info!(repaired = repaired.len(), "keys in Redis were repaired or removed");
            }
            true
        }
        Err(CleanupError::Cache(error)) => {
            tracing::debug!(error = %error, "keys in Redis are looked through in the next round");
            false
        }
        Err(error) => return Err(error),
    };
    let mut connection = app.kit.worker_db.get().await?;
    store::lease::give_back(&mut connection, LEASE, app.instance, app.kit.clock.now(), to_its_end).await?;
    Ok(0)
}

/// What a part of a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    /// There may be more to do.
    more: bool,
}

/// Whether this process may begin a round: nobody is at it, and the last one was not just now.
async fn begun(app: &OnboardingService) -> Result<bool, DbError> {
    let now = app.kit.clock.now();
    let pause = TimeDelta::milliseconds(i64::from(app.config.cleanup.every_s) * 500);
    let mut connection = app.kit.worker_db.get().await?;
    Ok(store::lease::take(&mut connection, LEASE, app.instance, now, LEASE_TIME, now - pause).await?)
}

/// How long ago a round was last finished, by whomever, in seconds; counted from this process's start when none ever was.
pub(crate) async fn age_s(app: &OnboardingService) -> Result<f64, DbError> {
    let mut connection = app.kit.worker_db.get().await?;
    let done = store::lease::last_done(&mut connection, LEASE).await?;
    Ok((app.kit.clock.now() - done.unwrap_or(app.started_at).max(app.started_at)).as_seconds_f64().max(0.0))
}
