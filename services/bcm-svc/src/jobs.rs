//! What runs on its own.

use std::{sync::Arc, time::Duration};

use crate::{BcmService, rebuild::run::run_next};

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
