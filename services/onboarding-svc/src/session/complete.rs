//! Completing and skipping a step: durable before they are answered.

use domain::{onboarding::OnboardingStatus, step::Slug};
use serde_json::{Value, json};

use super::{
    EditError, Editor, Expected, StepState, Summary, Tier,
    edit::{self, Edit, Edited},
    flush::flush,
    persist::Written,
    read, rows,
};
use crate::{OnboardingService, drafts::Wanted};

/// A member who types while another completes makes the completion start over; after this often it is refused.
const ATTEMPTS: u32 = 4;

/// A finished step, and how far the onboarding is with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    /// The step.
    pub(crate) edited: Edited,
    /// The onboarding's status.
    pub(crate) status: OnboardingStatus,
    /// How far the steps are.
    pub(crate) summary: Summary,
}

/// Completes a step with the answer that is stored, which is validated fully.
pub(crate) async fn complete_stored(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
) -> Result<Finished, EditError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let session = read::read(app, editor, Wanted::Step(slug)).await?;
        edit::refuse_unless_open(session.status)?;
        let stored = session.steps.get(&slug);
        if !expected.allows(stored.map(|step| step.revision)) {
            return Err(EditError::Stale { current: stored.cloned().map(Box::new), yours: None });
        }
        let now = app.kit.clock.now();
        let nothing = json!({});
        let edit = Edit::complete(slug, stored.and_then(|step| step.answer.as_ref()).unwrap_or(&nothing), now)?;
        if let Some(step) = stored.filter(|step| step.state == StepState::Complete)
            && (session.tier == Tier::Postgres || is_durable(app, editor, step.revision.epoch).await?)
        {
            let edited = Edited { revision: step.revision, state: step.state, tier: session.tier, durable: true, at: step.updated_at };
            return finished(app, editor, edited).await;
        }
        let on = stored.map_or(Expected::Untouched, |step| Expected::At(step.revision));
        match edit::edit(app, editor, slug, on, &edit, true).await {
            Err(EditError::Stale { .. }) if expected == Expected::Any && attempt < ATTEMPTS => {}
            other => return finished(app, editor, other?).await,
        }
    }
}

/// Saves an answer and completes the step with it at once.
pub(crate) async fn complete_with(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
    answer: &Value,
) -> Result<Finished, EditError> {
    let edit = Edit::complete(slug, answer, app.kit.clock.now())?;
    let edited = edit::edit(app, editor, slug, expected, &edit, true).await?;
    finished(app, editor, edited).await
}

/// Leaves an optional step out. An answer that is there stays, unused, until the step is edited again.
pub(crate) async fn skip(app: &OnboardingService, editor: &Editor, slug: Slug, expected: Expected) -> Result<Finished, EditError> {
    if !slug.step().optional {
        return Err(EditError::NotSkippable);
    }
    let edited = edit::edit(app, editor, slug, expected, &Edit::Skip, true).await?;
    finished(app, editor, edited).await
}

async fn is_durable(app: &OnboardingService, editor: &Editor, epoch: i64) -> Result<bool, EditError> {
    Ok(flush(app, &app.kit.db, editor.workspace, Some(editor)).await? == Written::Done { epoch })
}

async fn finished(app: &OnboardingService, editor: &Editor, edited: Edited) -> Result<Finished, EditError> {
    let (onboarding, steps) = rows::read(app, editor).await?;
    let summary = Summary::of(&super::states(&steps));
    Ok(Finished { edited, status: onboarding.status(app.kit.clock.now()), summary })
}
