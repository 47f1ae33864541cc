//! What runs in the background. A failure is logged and tried again; nothing here ends before the process does.

use std::{future::Future, sync::Arc, time::Duration};

use service_kit::db::DbError;
use tokio::sync::Notify;

use crate::{
    app::App,
    payment::{receipt, reconcile},
};

/// Polling is the guarantee; a wake-up makes it sooner.
const POLL: Duration = Duration::from_secs(1);
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// Starts the receipt worker, the reconciler and the mailer.
pub(crate) fn start_workers(app: &Arc<App>) {
    app.mailer.start(&app.kit);
    start(
        app,
        "receipts",
        |app| &app.receipts_due,
        |app| async move {
            let full = receipt::process_due(&app).await?;
            Ok(if full { Duration::ZERO } else { POLL })
        },
    );
    start(
        app,
        "reconciler",
        |app| &app.reconciler_due,
        |app| async move {
            let round = reconcile::check_due(&app).await?;
            Ok(match round.pause {
                Some(pause) => pause.max(POLL),
                None if round.full => Duration::ZERO,
                None => POLL,
            })
        },
    );
}

/// Starts telling event streams about their orders.
pub(crate) fn start_watch(app: &Arc<App>) {
    start(
        app,
        "order-watch",
        |app| app.watch.joined(),
        |app| async move {
            let watching = app.watch.refresh(&app.kit.db).await?;
            Ok(if watching { WATCH_EVERY } else { Duration::from_secs(3600) })
        },
    );
}

/// Runs `work` for the life of the process; it says how long to pause unless it is woken.
fn start<F>(app: &Arc<App>, name: &'static str, wake: fn(&App) -> &Notify, work: impl Fn(Arc<App>) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<Duration, DbError>> + Send,
{
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service(name, async move {
        while !draining.is_cancelled() {
            let pause = work(app.clone()).await.unwrap_or_else(|error| {
                tracing::warn!(job = name, error = %error, "a round failed and will be tried again");
                POLL
            });
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = wake(&app).notified() => {}
            }
        }
    });
}
