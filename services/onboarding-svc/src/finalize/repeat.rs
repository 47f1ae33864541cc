//! A finalize without an answer is asked for again: its consumer recognises the context it already has.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::onboarding::Progress;

use super::{emit, latest};
use crate::{
    OnboardingService,
    standing::{ChangeError, take},
    store,
};

/// Emits `onboarding.finalized` again for every finalize that is stuck, and measures the oldest; returns how many.
pub(crate) async fn repeat_stuck(app: &OnboardingService) -> Result<usize, ChangeError> {
    let now = app.kit.clock.now();
    let before = now - TimeDelta::seconds(i64::from(app.config.finalize.stuck_after_s));
    let mut connection = app.kit.worker_db.get().await?;
    let oldest = store::onboarding::oldest_finalize(&mut connection).await?;
    let age = oldest.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    app.metrics.finalize_oldest_age.set(age);
    let mut repeated = 0;
    for workspace in store::onboarding::stuck(&mut connection, before).await? {
        let emitted = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let mut onboarding = take(connection, workspace, now).await?;
                // Another replica may have been first.
                let stuck = onboarding.progress == Progress::Finalizing && onboarding.finalize_emitted_at.is_some_and(|at| at < before);
                let Some(context) = latest(connection, &onboarding).await?.filter(|_| stuck) else { return Ok(false) };
                onboarding.finalize_emitted_at = Some(now);
                store::onboarding::update(connection, &onboarding, now).await?;
                emit(connection, now, workspace, &context).await?;
                Ok::<_, ChangeError>(true)
            })
            .await?;
        if emitted {
            tracing::warn!(workspace_id = %workspace, "a finalize without an answer is asked for again");
            app.metrics.finalize_repeated.inc();
            repeated += 1;
        }
    }
    Ok(repeated)
}
