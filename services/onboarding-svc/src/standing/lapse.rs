//! Subscriptions that lapse by time alone: the status changes without any event of others.

use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::{ChangeError, store_and_tell, take};
use crate::{OnboardingService, store};

/// Tells of every onboarding that lapsed since the last pass; returns how many.
pub(crate) async fn tell_lapsed(app: &OnboardingService) -> Result<usize, ChangeError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let lapsed = store::onboarding::lapsed(&mut connection, now).await?;
    for workspace in &lapsed {
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let mut onboarding = take(connection, *workspace, now).await?;
                store_and_tell(connection, now, &mut onboarding, false).await
            })
            .await?;
        app.forget(*workspace);
    }
    Ok(lapsed.len())
}
