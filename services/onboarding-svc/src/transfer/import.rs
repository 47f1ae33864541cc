//! Taking over answers as a whole: all of them are checked before the first is saved, and each is saved like an edit of a member,
//! so that it has a revision and can be taken back.

use std::collections::BTreeMap;

use domain::{
    answer::FieldError,
    context::{ContextError, check_size},
    step::{Age, Slug},
};
use serde_json::{Value, json};
use service_kit::{audit, rate_limit::Limit};

use super::{Answers, Given};
use crate::{
    OnboardingService,
    drafts::Wanted,
    session::{
        EditError, Editor, Expected, Revision, StepState, Steps,
        edit::{self, Edit, Edited},
        read,
    },
    standing::ChangeError,
};

/// Imports of one member.
pub(crate) const IMPORTS: Limit = Limit { name: "onboarding-import", burst: 10, per_s: 60 };

/// Where answers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    File,
    /// Another workspace of the member's.
    Workspace,
}

impl Source {
    /// The name in metrics and the audit log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Workspace => "workspace",
        }
    }
}

/// How they are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Manner {
    /// Whether a step that has an answer gets the new one.
    pub(crate) replace: bool,
    /// Whether steps whose answer is complete are completed.
    pub(crate) complete: bool,
    /// Only say what would become of each step.
    pub(crate) dry_run: bool,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has the answer.
    Imported,
    /// It has the answer, and is complete.
    Completed,
    /// It keeps the answer that it had.
    Kept,
    /// It had this answer already.
    Unchanged,
}

impl Outcome {
    /// The name in the answer.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Completed => "completed",
            Self::Kept => "kept",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A step of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The step.
    pub(crate) slug: Slug,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Its revision; none when a dry run found it untouched.
    pub(crate) revision: Option<Revision>,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// These places are wrong; all of them, by the name that the step was given under.
    #[error("{} field(s) are not valid", .0.len())]
    Invalid(Vec<(String, FieldError)>),
    /// No step has this name.
    #[error("there are no such steps")]
    UnknownSteps(Vec<String>),
    /// The answers follow a version of the steps that this build does not know.
    #[error("the answers follow an unknown version of the steps")]
    UnknownVersion,
    /// There is no such workspace, or none that the member belongs to.
    #[error("there is no such workspace")]
    NoWorkspace,
    /// The workspace has no context of this number.
    #[error("the workspace has no such context")]
    NoContext,
    /// The workspace is the one that is imported into.
    #[error("a workspace cannot be imported into itself")]
    Itself,
    /// Too many imports.
    #[error("too many imports")]
    Limited {
        /// Seconds until the next is possible.
        retry_after_s: u64,
    },
    /// An answer could not be saved.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<diesel::result::Error> for ImportError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Edit(error.into())
    }
}

impl From<ChangeError> for ImportError {
    fn from(error: ChangeError) -> Self {
        Self::Edit(error.into())
    }
}

/// Takes over answers that follow this version of the steps. A step that somebody edits meanwhile keeps what it has.
pub(crate) async fn import(
    app: &OnboardingService,
    editor: &Editor,
    source: Source,
    version: &str,
    given: Given,
    manner: Manner,
) -> Result<Vec<Taken>, ImportError> {
    let session = read::read(app, editor, Wanted::Answers).await?;
    edit::refuse_unless_open(session.status)?;
    if !manner.dry_run {
        let decision = app.kit.limits.take(IMPORTS, &editor.user().to_string()).await;
        if !decision.allowed {
            return Err(ImportError::Limited { retry_after_s: decision.retry_after_s.into() });
        }
    }
    let edits = checked(app, version, given, manner.complete)?;
    let mut plan: Vec<_> =
        edits.into_iter().map(|(slug, edit)| (slug, planned(&session.steps, slug, &edit, manner.replace), edit)).collect();
    plan.sort_by_key(|(slug, ..)| slug.step().number);
    check_together(&session.steps, &plan)?;
    let mut taken = Vec::new();
    for (slug, outcome, edit) in plan {
        let present = session.steps.get(&slug).map(|step| step.revision);
        let writes = !manner.dry_run && matches!(outcome, Outcome::Imported | Outcome::Completed);
        let one = if writes { save(app, editor, slug, present, &edit, outcome).await? } else { Taken { slug, outcome, revision: present } };
        taken.push(one);
    }
    if !manner.dry_run {
        note(app, editor, source, &taken).await?;
        app.metrics.imports.with_label_values(&[source.as_str()]).inc();
    }
    Ok(taken)
}

/// The edits, one for each step with an answer; all that is wrong is told at once.
fn checked(app: &OnboardingService, version: &str, given: Given, complete: bool) -> Result<BTreeMap<Slug, Edit>, ImportError> {
    if app.versions.age(version) == Age::Unknown {
        return Err(ImportError::UnknownVersion);
    }
    let now = app.kit.clock.now();
    let unknown: Vec<_> = given.keys().filter(|name| name.parse::<Slug>().is_err()).cloned().collect();
    if !unknown.is_empty() {
        return Err(ImportError::UnknownSteps(unknown));
    }
    let mut edits = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, answer) in given {
        let Ok(slug) = name.parse::<Slug>() else { continue };
        if answer.is_null() {
            continue;
        }
        let answer = app.versions.upgrade(version, slug, answer).ok_or(ImportError::UnknownVersion)?;
        match Edit::import(slug, &answer, complete, now) {
            Ok(edit) => drop(edits.insert(slug, edit)),
            Err(EditError::Invalid(wrong)) => errors.extend(wrong.into_iter().map(|error| (name.clone(), error))),
            Err(other) => return Err(other.into()),
        }
    }
    if errors.is_empty() { Ok(edits) } else { Err(ImportError::Invalid(errors)) }
}

/// What becomes of a step.
fn planned(steps: &Steps, slug: Slug, edit: &Edit, replace: bool) -> Outcome {
    let fresh = if edit.completes() { Outcome::Completed } else { Outcome::Imported };
    let Some(step) = steps.get(&slug) else { return fresh };
    match &step.answer {
        Some(present) if Some(present) == edit.answer() && (!edit.completes() || step.state == StepState::Complete) => Outcome::Unchanged,
        Some(_) if !replace => Outcome::Kept,
        None if step.state == StepState::Skipped && !replace => Outcome::Kept,
        _ => fresh,
    }
}

fn check_together(steps: &Steps, plan: &[(Slug, Outcome, Edit)]) -> Result<(), ImportError> {
    let mut sections: Answers = steps.iter().filter_map(|(slug, step)| Some((*slug, step.answer.clone()?))).collect();
    for (slug, outcome, edit) in plan {
        if let (Outcome::Imported | Outcome::Completed, Some(answer)) = (outcome, edit.answer()) {
            sections.insert(*slug, answer.clone());
        }
    }
    match check_size(&sections) {
        Ok(_) => Ok(()),
        Err(ContextError::TooLarge { size, limit }) => Err(EditError::TogetherTooLarge { size, limit }.into()),
        Err(error) => Err(ChangeError::Document(error.to_string()).into()),
    }
}

async fn save(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    present: Option<Revision>,
    edit: &Edit,
    outcome: Outcome,
) -> Result<Taken, ImportError> {
    let on = present.map_or(Expected::Untouched, Expected::At);
    match edit::edit(app, editor, slug, on, edit, true).await {
        Ok(Edited { revision, .. }) => Ok(Taken { slug, outcome, revision: Some(revision) }),
        Err(EditError::Stale { current, .. }) => Ok(Taken { slug, outcome: Outcome::Kept, revision: current.map(|step| step.revision) }),
        Err(error) => Err(error.into()),
    }
}

async fn note(app: &OnboardingService, editor: &Editor, source: Source, taken: &[Taken]) -> Result<(), ImportError> {
    let count = |outcome| taken.iter().filter(|one| one.outcome == outcome).count();
    let entry = audit::Entry {
        workspace: Some(editor.workspace),
        actor: Some(editor.user()),
        action: "onboarding.import",
        resource: &format!("onboarding/{}", editor.workspace),
        outcome: "done",
        request_id: None,
        detail: json!({
            "source": source.as_str(), "imported": count(Outcome::Imported), "completed": count(Outcome::Completed),
            "kept": count(Outcome::Kept), "unchanged": count(Outcome::Unchanged),
        }),
    };
    let mut connection = app.kit.db.get().await.map_err(ChangeError::from)?;
    audit::record(&mut connection, app.kit.clock.now(), &entry).await.map_err(ChangeError::from)?;
    Ok(())
}

/// The answer of a step that is not a person's to take over: everybody confirms the review of their own workspace.
pub(super) fn without_the_review(mut answers: Answers) -> Given {
    answers.retain(|slug, _| slug.as_str() != "review");
    answers.into_iter().map(|(slug, answer)| (slug.to_string(), answer)).collect::<serde_json::Map<String, Value>>()
}
