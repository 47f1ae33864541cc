//! Taking edits back: an earlier answer becomes a new revision, so that nothing is lost by it and it can be taken back too.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::step::Slug;
use serde_json::Value;
use service_kit::db::{self, DbError};

use super::{
    EditError, Editor, Expected, Revised,
    edit::{self, Edit, Edited},
    flush::{FlushError, flush},
    read,
};
use crate::{OnboardingService, drafts::Wanted, store};

/// A member who types while another takes back makes it start over; after this often it is refused.
const ATTEMPTS: u32 = 4;

/// The last revisions of a step, the newest first.
pub(crate) async fn history(app: &OnboardingService, editor: &Editor, slug: Slug) -> Result<Vec<Revised>, EditError> {
    // What is still in Redis alone belongs to it. Without Redis the rows have all.
    match flush(app, &app.kit.db, editor.workspace, Some(editor)).await {
        Err(FlushError::Authorise(error)) => return Err(error.into()),
        Err(FlushError::Change(error)) => return Err(error.into()),
        Err(FlushError::Cache(_)) | Ok(_) => {}
    }
    Ok(stored(app, editor, slug).await?)
}

async fn stored(app: &OnboardingService, editor: &Editor, slug: Slug) -> Result<Vec<Revised>, DbError> {
    let mut connection = app.kit.db.get().await?;
    let revisions = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            store::revision::of_step(connection, editor.workspace, slug).await
        })
        .await?;
    Ok(revisions)
}

/// Brings an earlier answer of a step back: that of the revision `to`, or the one before the present answer. Answers the edit and
/// what the step holds now.
pub(crate) async fn undo(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
    to: Option<i64>,
) -> Result<(Edited, Value), EditError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let session = read::read(app, editor, Wanted::Step(slug)).await?;
        edit::refuse_unless_open(session.status)?;
        let Some(step) = session.steps.get(&slug) else { return Err(EditError::NothingToUndo) };
        if !expected.allows(Some(step.revision)) {
            return Err(EditError::Stale { current: Some(Box::new(step.clone())), yours: None });
        }
        let history = history(app, editor, slug).await?;
        let target = match to {
            Some(n) => history.iter().find(|revised| revised.step.revision.n == n),
            None => before(&history, step.revision.n, step.answer.as_ref()),
        };
        let (answer, n) =
            target.and_then(|revised| Some((revised.step.answer.as_ref()?, revised.step.revision.n))).ok_or(EditError::NothingToUndo)?;
        let edit = Edit::restore(slug, answer, n, app.kit.clock.now())?;
        match edit::edit(app, editor, slug, Expected::At(step.revision), &edit, true).await {
            Err(EditError::Stale { .. }) if expected == Expected::Any && attempt < ATTEMPTS => {}
            made => {
                // What was kept may be brought to the normal form of today.
                app.metrics.undos.inc_by(u64::from(made.is_ok()));
                let answer = edit.answer().cloned().unwrap_or_default();
                return made.map(|edited| (edited, answer));
            }
        }
    }
}

/// The newest revision before the present one with another answer. A revision that was brought back counts as the one it
/// brought back, so that taking back again goes further.
fn before<'a>(history: &'a [Revised], n: i64, answer: Option<&Value>) -> Option<&'a Revised> {
    let present = history.iter().find(|revised| revised.step.revision.n == n);
    let base = present.and_then(|revised| revised.restores).unwrap_or(n);
    history
        .iter()
        .filter(|revised| revised.step.revision.n < base && revised.step.answer.is_some() && revised.step.answer.as_ref() != answer)
        .max_by_key(|revised| revised.step.revision.n)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::ids::UserId;
    use serde_json::json;

    use super::*;
    use crate::session::{Revision, StepState, StoredStep};

    fn revised(n: i64, answer: Option<&str>, restores: Option<i64>) -> Revised {
        let step = StoredStep {
            revision: Revision { epoch: 1, n },
            state: StepState::Draft,
            answer: answer.map(|answer| json!(answer)),
            updated_by: UserId::generate(),
            updated_at: DateTime::UNIX_EPOCH,
            completed_at: None,
        };
        Revised { slug: "company".parse().unwrap(), step, restores }
    }

    fn target(history: &[Revised], n: i64) -> Option<i64> {
        let answer = history.iter().find(|revised| revised.step.revision.n == n).and_then(|revised| revised.step.answer.clone());
        before(history, n, answer.as_ref()).map(|revised| revised.step.revision.n)
    }

    #[test]
    fn taking_back_again_goes_further_and_an_edit_after_it_is_taken_back_to_what_was_seen() {
        let mut history = vec![revised(1, Some("a"), None), revised(2, Some("b"), None), revised(3, Some("c"), None)];
        assert_eq!(target(&history, 3), Some(2));
        history.push(revised(4, Some("b"), Some(2)));
        assert_eq!(target(&history, 4), Some(1));
        history.push(revised(5, Some("a"), Some(1)));
        assert_eq!(target(&history, 5), None);
        history.push(revised(6, Some("d"), None));
        assert_eq!(target(&history, 6), Some(5));
        history.push(revised(7, Some("a"), Some(5)));
        assert_eq!(target(&history, 7), Some(4), "what was taken back is there still");
    }

    #[test]
    fn a_revision_that_changed_nothing_or_had_no_answer_is_passed_over() {
        let history = [revised(1, Some("a"), None), revised(2, None, None), revised(3, Some("b"), None), revised(4, Some("b"), None)];
        assert_eq!(target(&history, 4), Some(1));
        assert_eq!(target(&history[..1], 1), None);
        // One whose row is lost is what was there before it.
        assert_eq!(before(&history, 9, Some(&json!("z"))).map(|revised| revised.step.revision.n), Some(4));
    }
}
