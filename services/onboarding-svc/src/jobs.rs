//! What runs on a schedule. Every job is safe on any number of replicas: claims and row locks decide.

use std::{fmt::Display, future::Future, sync::Arc, time::Duration};

use crate::{
    OnboardingService, cleanup,
    finalize::repeat::repeat_stuck,
    session::flush::{flush_due, measure},
    standing::lapse::tell_lapsed,
};

const FINALIZE_WATCH: Duration = Duration::from_secs(15);
const LAPSE_WATCH: Duration = Duration::from_secs(30);
const MEASURE_EVERY: Duration = Duration::from_secs(10);
const WATCH_EVERY: Duration = Duration::from_millis(250);
const STATISTICS_EVERY: Duration = Duration::from_secs(60);
/// A job whose dependency is down asks no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts all of them.
pub(crate) fn start(app: &Arc<OnboardingService>) {
    let poll = Duration::from_millis(app.config.drafts.flush_poll_ms);
    every(app, "write-behind", poll, |app| async move { flush_due(&app).await });
    every(app, "draft-gauges", MEASURE_EVERY, |app| async move { measure(&app).await });
    every(app, "finalize-watch", FINALIZE_WATCH, |app| async move { repeat_stuck(&app).await });
    every(app, "cleanup", Duration::from_secs(app.config.cleanup.every_s.into()), |app| async move { cleanup::run(&app).await });
    every(app, "session-gauges", STATISTICS_EVERY, |app| async move { cleanup::statistics::measure(&app).await });
    app.config.mail.start(&app.mailer, &app.kit);
    every(app, "lapse-watch", LAPSE_WATCH, |app| async move { tell_lapsed(&app).await });
}

/// Starts telling event streams about their onboardings; without any it sleeps.
pub(crate) fn start_watch(app: &Arc<OnboardingService>) {
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service("standing-watch", async move {
        while !draining.is_cancelled() {
            let watching = app.watch.refresh(&app.kit.db).await.unwrap_or_else(|error| {
                tracing::warn!(error = %error, "event streams are told later");
                true
            });
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(WATCH_EVERY), if watching => {}
                () = app.watch.joined(), if !watching => {}
            }
        }
    });
}

fn every<J, F, E>(app: &Arc<OnboardingService>, name: &'static str, period: Duration, job: J)
where
    J: Fn(Arc<OnboardingService>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<usize, E>> + Send + 'static,
    E: Display,
{
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service(name, async move {
        while !draining.is_cancelled() {
            let pause = match job(app.clone()).await {
                Ok(0) => period,
                // There may be more.
                Ok(_) => period.min(PAUSE),
                Err(error) => {
                    tracing::warn!(job = name, error = %error, "a job failed and is tried again");
                    period.max(PAUSE)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = draining.cancelled() => {}
            }
        }
    });
}
