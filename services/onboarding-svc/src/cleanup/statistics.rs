//! Figures about all sessions, measured by every worker.

use domain::onboarding::OnboardingStatus;
use service_kit::db::DbError;

use crate::{OnboardingService, session::StepState, store};

/// Measures the sessions by status, their steps by state, and when the cleanup last came to its end.
pub(crate) async fn measure(app: &OnboardingService) -> Result<usize, DbError> {
    let (sessions, steps) = {
        let mut connection = app.kit.worker_db.get().await?;
        let sessions = store::onboarding::by_status(&mut connection).await?;
        (sessions, store::draft::by_state(&mut connection).await?)
    };
    for status in OnboardingStatus::ALL.iter().map(|status| status.as_str()) {
        app.metrics.sessions.with_label_values(&[status]).set(sessions.get(status).copied().unwrap_or(0));
    }
    for state in StepState::ALL.map(StepState::as_str) {
        app.metrics.steps.with_label_values(&[state]).set(steps.get(state).copied().unwrap_or(0));
    }
    app.metrics.cleanup_age.set(super::age_s(app).await?);
    Ok(0)
}
