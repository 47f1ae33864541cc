//! One edit of one step: saved, completed or skipped.

use chrono::{DateTime, Datelike, Utc};
use domain::{
    answer::{self, Checked, Mode, Rejected},
    onboarding::OnboardingStatus,
    step::Slug,
};
use serde_json::Value;
use service_kit::cache::CacheError;

use super::{
    EditError, Editor, Expected, Revision, StepState, Tier,
    flush::{FlushError, flush},
    persist::Written,
    rebuild::{Rebuilt, rebuild},
    rows, upgrade,
};
use crate::{
    OnboardingService,
    drafts::{AUTOSAVE, MAX_SECTIONS_BYTES, Save, Saved, Wanted},
    standing::ChangeError,
};

/// How often a cold or fenced hash is loaded anew before the rows are edited.
const ATTEMPTS: u32 = 3;

/// An edit with its answer in normal form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    /// Autosave.
    Draft(Checked),
    /// A fully validated answer.
    Complete(Checked),
    /// An optional step is left out.
    Skip,
    /// An answer that was taken over from elsewhere; no autosave.
    Imported(Checked),
    /// The answer of an earlier revision, by its `n`.
    Restore(Checked, i64),
}

impl Edit {
    /// An autosave of this answer.
    pub(crate) fn draft(slug: Slug, answer: &Value, now: DateTime<Utc>) -> Result<Self, EditError> {
        check(slug, answer, Mode::Draft, now).map(Self::Draft)
    }

    /// A completion with this answer.
    pub(crate) fn complete(slug: Slug, answer: &Value, now: DateTime<Utc>) -> Result<Self, EditError> {
        check(slug, answer, Mode::Complete, now).map(Self::Complete)
    }

    /// An earlier answer brought back. It may have to be completed again.
    pub(super) fn restore(slug: Slug, answer: &Value, n: i64, now: DateTime<Utc>) -> Result<Self, EditError> {
        check(slug, answer, Mode::Draft, now).map(|checked| Self::Restore(checked, n))
    }

    /// An answer from elsewhere, which completes the step if it can and shall.
    pub(crate) fn import(slug: Slug, answer: &Value, complete: bool, now: DateTime<Utc>) -> Result<Self, EditError> {
        let checked = check(slug, answer, Mode::Draft, now)?;
        Ok(if complete && checked.complete { Self::Complete(checked) } else { Self::Imported(checked) })
    }

    /// The `n` of the revision that is brought back.
    pub(super) fn restores(&self) -> Option<i64> {
        match self {
            Self::Restore(_, n) => Some(*n),
            Self::Draft(_) | Self::Complete(_) | Self::Imported(_) | Self::Skip => None,
        }
    }

    fn checked(&self) -> Option<&Checked> {
        match self {
            Self::Draft(checked) | Self::Complete(checked) | Self::Imported(checked) | Self::Restore(checked, _) => Some(checked),
            Self::Skip => None,
        }
    }

    pub(crate) fn answer(&self) -> Option<&Value> {
        self.checked().map(|checked| &checked.answer)
    }

    /// What a step becomes that was never completed, and one that was.
    pub(super) fn states(&self) -> (StepState, StepState) {
        match self {
            Self::Draft(checked) | Self::Imported(checked) | Self::Restore(checked, _) if checked.complete => {
                (StepState::Draft, StepState::Draft)
            }
            Self::Draft(_) | Self::Imported(_) | Self::Restore(..) => (StepState::Draft, StepState::Invalid),
            Self::Complete(_) => (StepState::Complete, StepState::Complete),
            Self::Skip => (StepState::Skipped, StepState::Skipped),
        }
    }

    pub(crate) fn completes(&self) -> bool {
        matches!(self, Self::Complete(_))
    }

    pub(super) fn limited(&self) -> bool {
        matches!(self, Self::Draft(_))
    }
}

fn check(slug: Slug, answer: &Value, mode: Mode, now: DateTime<Utc>) -> Result<Checked, EditError> {
    answer::check(slug.step(), answer, mode, now.year()).map_err(|rejected| match rejected {
        Rejected::Invalid(errors) => EditError::Invalid(errors),
        Rejected::TooLarge { size, limit } => EditError::AnswerTooLarge { size, limit },
    })
}

/// An edit that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edited {
    /// The step's new revision.
    pub(crate) revision: Revision,
    /// Its new state.
    pub(crate) state: StepState,
    /// Where it was made.
    pub(crate) tier: Tier,
    /// Whether PostgreSQL has it.
    pub(crate) durable: bool,
    /// When it was made.
    pub(crate) at: DateTime<Utc>,
}

/// Refuses an edit in a status that takes none.
pub(crate) fn refuse_unless_open(status: OnboardingStatus) -> Result<(), EditError> {
    match status {
        OnboardingStatus::Locked => Err(EditError::Locked),
        OnboardingStatus::Suspended => Err(EditError::Suspended),
        OnboardingStatus::Finalizing => Err(EditError::Finalizing),
        OnboardingStatus::Unlocked
        | OnboardingStatus::InProgress
        | OnboardingStatus::Completed
        | OnboardingStatus::Reopened
        | OnboardingStatus::Archived => Ok(()),
    }
}

/// Makes the edit: in Redis, or on the rows when Redis is down, full or fenced. Completing and skipping wait until
/// PostgreSQL has it; so does an autosave that asks for it with `durable`, as far as PostgreSQL takes it now.
pub(crate) async fn edit(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
    edit: &Edit,
    durable: bool,
) -> Result<Edited, EditError> {
    let made = match in_redis(app, editor, slug, expected, edit, durable).await? {
        Some(edited) => Ok(edited),
        None => rows::edit(app, editor, slug, expected, edit).await,
    };
    match &made {
        Ok(edited) => app.metrics.saves.with_label_values(&[edited.tier.as_str()]).inc(),
        Err(EditError::Stale { .. }) => app.metrics.conflicts.inc(),
        Err(_) => {}
    }
    made
}

/// `None` when the edit has to be made on the rows.
async fn in_redis(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
    edit: &Edit,
    durable: bool,
) -> Result<Option<Edited>, EditError> {
    let now = app.kit.clock.now();
    let standing = upgrade::standing(app, editor).await?;
    refuse_unless_open(standing.status(now))?;
    let mut known_epoch = standing.draft_epoch;
    let (first, later) = edit.states();
    let save = Save {
        workspace: editor.workspace,
        slug,
        expected,
        answer: edit.checked().map(|checked| checked.canonical.as_str()),
        first,
        later,
        completes: edit.completes(),
        restores: edit.restores(),
        by: editor.user(),
        at: now,
        limited: edit.limited(),
    };
    for _ in 0..ATTEMPTS {
        match app.drafts.save(known_epoch, &save).await {
            Ok(Saved::Done { revision, state }) => {
                let edited = Edited { revision, state, tier: Tier::Redis, durable: false, at: now };
                if edit.limited() && !durable {
                    return Ok(Some(edited));
                }
                match flush(app, &app.kit.db, editor.workspace, Some(editor)).await {
                    Ok(Written::Done { epoch }) if epoch == revision.epoch => return Ok(Some(Edited { durable: true, ..edited })),
                    // The hash was replaced under the edit, which is made again on what is there now.
                    Ok(_) => known_epoch = known_epoch.max(revision.epoch + 1),
                    Err(FlushError::Authorise(error)) => return Err(error.into()),
                    Err(error) if edit.limited() => {
                        tracing::warn!(workspace_id = %editor.workspace, error = %error, "a save could not be made durable at once");
                        return Ok(Some(edited));
                    }
                    Err(FlushError::Change(error)) => return Err(error.into()),
                    Err(FlushError::Cache(_)) => return Ok(None),
                }
            }
            Ok(Saved::Cold) => match rebuild(app, editor, known_epoch, Wanted::Step(slug)).await? {
                Rebuilt::Found(onboarding, _) | Rebuilt::Loaded(onboarding, _) => known_epoch = onboarding.draft_epoch,
                Rebuilt::Rows(..) => return Ok(None),
            },
            Ok(Saved::Stale(current)) => return Err(EditError::Stale { current, yours: edit.answer().cloned() }),
            Ok(Saved::TogetherTooLarge(size)) => return Err(EditError::TogetherTooLarge { size, limit: MAX_SECTIONS_BYTES }),
            Ok(Saved::Limited(retry_after_s)) => {
                app.kit.metrics.rate_limited_total.with_label_values(&[AUTOSAVE.name]).inc();
                return Err(EditError::Limited { retry_after_s });
            }
            Err(CacheError::Unavailable(_)) => return Ok(None),
            Err(CacheError::Refused(error)) => {
                tracing::warn!(error = %error, "Redis refused a save, which is made on the rows");
                // Redis is full but can be read: what it holds goes to the rows before they are edited past it.
                if let Err(error) = flush(app, &app.kit.db, editor.workspace, None).await {
                    tracing::warn!(error = %error, "drafts in a full Redis could not be written behind");
                }
                return Ok(None);
            }
        }
    }
    Ok(None)
}

impl From<FlushError> for EditError {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Cache(error) => ChangeError::Db(service_kit::db::DbError::Unavailable(error.to_string())).into(),
            FlushError::Change(error) => error.into(),
            FlushError::Authorise(error) => error.into(),
        }
    }
}
