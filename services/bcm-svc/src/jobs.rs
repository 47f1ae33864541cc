//! What runs on its own.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use service_kit::db::DbError;

use crate::{BcmService, rebuild::run::run_next, store::retention};

/// How often due jobs are looked for; a request in this process is taken at once.
const POLL: Duration = Duration::from_secs(1);

/// Runs rebuild jobs, one at a time, until the process drains. Every replica does; a lease keeps them apart.
pub async fn rebuild(app: Arc<BcmService>) {
    let draining = app.kit.lifecycle.draining();
    while !draining.is_cancelled() {
        match run_next(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "rebuild jobs cannot be looked for"),
        }
        tokio::select! {
            () = draining.cancelled() => {}
            () = app.rebuild_asked.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// How often old versions are looked for.
const RETENTION: Duration = Duration::from_secs(3600);
/// Versions that are removed at once.
const BATCH: i32 = 500;

/// Removes old versions until the process drains. Every replica does; a lock of the function's lets one work.
pub async fn retention(app: Arc<BcmService>) {
    let draining = app.kit.lifecycle.draining();
    loop {
        match drop_old(&app).await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "old versions were removed"),
            Err(error) => tracing::warn!(%error, "old versions cannot be removed"),
        }
        if draining.run_until_cancelled(tokio::time::sleep(RETENTION)).await.is_none() {
            return;
        }
    }
}

async fn drop_old(app: &BcmService) -> Result<u64, DbError> {
    let settings = app.config.retention;
    let keep = i32::try_from(settings.versions).unwrap_or(i32::MAX);
    let before = app.kit.clock.now() - TimeDelta::days(i64::from(settings.days));
    let mut all = 0;
    loop {
        let mut connection = app.kit.worker_db.get().await?;
        let dropped = retention::drop_old_versions(&mut connection, keep, before, BATCH).await?;
        app.metrics.versions_removed(dropped);
        all += dropped;
        if dropped < u64::from(BATCH.unsigned_abs()) || app.kit.lifecycle.draining().is_cancelled() {
            return Ok(all);
        }
    }
}
