//! Finalizing: from complete answers to an immutable, numbered business context.

pub(crate) mod compare;
pub(crate) mod lookup;
pub(crate) mod repeat;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    answer::{self, FieldError, FieldErrorCode, Mode, Rejected},
    canonical::{CanonicalError, Checksum},
    context::{AnswerSource, BusinessContext, ContextError, Finalization, IncompleteStep, StepOutcome, answers_sha256},
    event::{Event, OnboardingFinalized},
    ids::WorkspaceId,
    onboarding::{Act, OnboardingStatus, Progress},
    role::Role,
    step::{Age, Slug},
};
use messaging::outbox;
use serde_json::{Value, json};
use service_kit::{
    audit,
    auth::{AuthoriseError, authorise},
    db::DbError,
    idempotency::{self, IdempotencyError, KeyedRequest, Seen},
};

use crate::{
    OnboardingService,
    session::{EditError, Editor, StepState, Steps, flush::flush, upgrade},
    standing::{ChangeError, Onboarding, store_and_tell},
    store::{self, context::StoredContext},
};

/// Why nothing was finalized.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinalizeError {
    /// Nothing is paid.
    #[error("the onboarding is locked")]
    Locked,
    /// The subscription lapsed.
    #[error("the onboarding is suspended")]
    Suspended,
    /// Steps are missing or wrong: all of them.
    #[error("{} step(s) are not complete", .0.len())]
    Incomplete(Vec<IncompleteStep>),
    /// The context would be larger than contexts may be.
    #[error("the context has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Its canonical size in bytes.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// The answers follow a version of the steps that this build does not know.
    #[error("the answers follow version {version} of the steps")]
    SchemaChanged {
        /// That version.
        version: String,
    },
    /// Not an owner or admin.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The idempotency key does not fit.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The change could not be stored.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<diesel::result::Error> for FinalizeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Change(error.into())
    }
}

impl From<DbError> for FinalizeError {
    fn from(error: DbError) -> Self {
        Self::Change(error.into())
    }
}

impl From<CanonicalError> for FinalizeError {
    fn from(error: CanonicalError) -> Self {
        Self::Change(ChangeError::Document(error.to_string()))
    }
}

/// A context that is being made into a manifest, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finalized {
    /// Its number.
    pub(crate) number: u64,
    /// The SHA-256 of its canonical bytes.
    pub(crate) sha256: Checksum,
}

/// Finalizes the answers. Unchanged answers give the same context again: nothing happens when its manifest exists or is
/// being made, and when it could not be made it is tried once more.
pub(crate) async fn finalize(
    app: &OnboardingService,
    editor: &Editor,
    keyed: Option<&KeyedRequest>,
    request_id: Option<&str>,
) -> Result<Finalized, FinalizeError> {
    let (workspace, now) = (editor.workspace, app.kit.clock.now());
    // Drafts of an older version are brought to the present one first. Whether the member may is asked below.
    match upgrade::standing(app, editor).await {
        Err(EditError::SchemaChanged { version }) => return Err(FinalizeError::SchemaChanged { version }),
        Err(error) => tracing::debug!(workspace_id = %workspace, error = %error, "finalizing without a look at the drafts' version"),
        Ok(_) => {}
    }
    // The rows must have what is in Redis. If Redis is down they have all that was acknowledged as durable.
    if let Err(error) = flush(app, &app.kit.db, workspace, None).await {
        tracing::warn!(workspace_id = %workspace, error = %error, "finalizing without a last write-behind");
    }
    let mut connection = app.kit.db.get().await?;
    let (finalized, over) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let seen = match keyed {
                Some(keyed) => idempotency::claim(connection, keyed, now).await?,
                None => Seen::First,
            };
            authorise(connection, workspace, editor.user(), Role::Admin).await?;
            if let Seen::Before(resource) = seen {
                return Ok((known(connection, workspace, resource.parse().ok()).await?, None));
            }
            let mut onboarding = store::onboarding::lock(connection, workspace).await?.ok_or(FinalizeError::Locked)?;
            if app.versions.age(&onboarding.schema_version) == Age::Unknown {
                return Err(FinalizeError::SchemaChanged { version: onboarding.schema_version });
            }
            let (finalized, over) = accept(connection, now, editor, &mut onboarding, request_id).await?;
            if let Some(keyed) = keyed {
                idempotency::remember(connection, keyed, &finalized.number.to_string()).await?;
            }
            Ok::<_, FinalizeError>((finalized, over))
        })
        .await?;
    service_kit::kill_point!("F1");
    app.forget(workspace);
    app.metrics.finalizes.inc_by(u64::from(over.is_some()));
    if let Some(epoch) = over
        && let Err(error) = app.drafts.discard(workspace, epoch).await
    {
        // The raised epoch fences what stays there.
        tracing::debug!(workspace_id = %workspace, error = %error, "the session in Redis was not cleared");
    }
    Ok(finalized)
}

/// Answers the context and, when the drafts' epoch is over, that epoch.
async fn accept(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    editor: &Editor,
    onboarding: &mut Onboarding,
    request_id: Option<&str>,
) -> Result<(Finalized, Option<i64>), FinalizeError> {
    let workspace = onboarding.workspace;
    match onboarding.status(now) {
        OnboardingStatus::Locked => return Err(FinalizeError::Locked),
        OnboardingStatus::Suspended => return Err(FinalizeError::Suspended),
        OnboardingStatus::Finalizing => return Ok((known(connection, workspace, onboarding.context_number).await?, None)),
        OnboardingStatus::Unlocked
        | OnboardingStatus::InProgress
        | OnboardingStatus::Completed
        | OnboardingStatus::Reopened
        | OnboardingStatus::Archived => {}
    }
    let steps = store::draft::all(connection, workspace).await?;
    let number = onboarding.context_number.unwrap_or(0) + 1;
    let context = build(workspace, number, editor, now, &steps)?;
    let answers = answers_sha256(&context.schema_version, &context.sections)?;
    if let Some(latest) = latest(connection, onboarding).await?
        && latest.answers_sha256 == answers
    {
        return again(connection, now, onboarding, latest).await;
    }
    let bytes = context.canonical()?;
    let stored = StoredContext {
        number,
        sha256: Checksum::of(&bytes),
        answers_sha256: answers,
        bytes,
        schema_version: context.schema_version.clone(),
        finalized_by: editor.user(),
        finalized_at: context.finalized_at,
    };
    store::context::insert(connection, workspace, &stored).await?;
    onboarding.context_number = Some(number);
    onboarding.finalized_at = Some(now);
    let over = hand_on(connection, now, onboarding, &stored).await?;
    let entry = audit::Entry {
        workspace: Some(workspace),
        actor: Some(editor.user()),
        action: "onboarding.finalize",
        resource: &format!("business_context/{workspace}/{number}"),
        outcome: "done",
        request_id,
        detail: json!({"sha256": stored.sha256}),
    };
    audit::record(connection, now, &entry).await?;
    Ok((Finalized { number, sha256: stored.sha256 }, Some(over)))
}

/// Finalizing answers that the latest context has already.
async fn again(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    onboarding: &mut Onboarding,
    latest: StoredContext,
) -> Result<(Finalized, Option<i64>), FinalizeError> {
    let finalized = Finalized { number: latest.number, sha256: latest.sha256 };
    match onboarding.progress {
        // The manifest of these answers exists: the edits in between came to nothing.
        Progress::Reopened => {
            onboarding.apply(Act::Finalized).map_err(ChangeError::from)?;
            onboarding.apply(Act::ManifestGenerated).map_err(ChangeError::from)?;
            onboarding.announced = OnboardingStatus::Finalizing;
            store_and_tell(connection, now, onboarding, false).await?;
            Ok((finalized, None))
        }
        Progress::InProgress => {
            let over = hand_on(connection, now, onboarding, &latest).await?;
            Ok((finalized, Some(over)))
        }
        Progress::NotStarted | Progress::Finalizing | Progress::Completed | Progress::Archived => Ok((finalized, None)),
    }
}

/// Hands a context on to be made into a manifest, and closes the drafts; answers the epoch that is over.
async fn hand_on(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    onboarding: &mut Onboarding,
    context: &StoredContext,
) -> Result<i64, ChangeError> {
    let over = onboarding.draft_epoch;
    onboarding.apply(Act::Finalized)?;
    onboarding.draft_epoch += 1;
    onboarding.drafts_in_redis = false;
    onboarding.failure_reason = None;
    onboarding.finalize_emitted_at = Some(now);
    store_and_tell(connection, now, onboarding, false).await?;
    service_kit::kill_point!("K9");
    emit(connection, now, onboarding.workspace, context).await?;
    Ok(over)
}

async fn emit(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    context: &StoredContext,
) -> Result<(), ChangeError> {
    let document: Value = serde_json::from_slice(&context.bytes).map_err(|error| ChangeError::Document(error.to_string()))?;
    let event = Event::OnboardingFinalized(OnboardingFinalized {
        workspace_id: workspace,
        context_number: context.number,
        context_sha256: context.sha256.to_string(),
        finalized_by: context.finalized_by,
        context: document,
    });
    outbox::append(connection, now, &event).await?;
    Ok(())
}

async fn latest(connection: &mut AsyncPgConnection, onboarding: &Onboarding) -> Result<Option<StoredContext>, diesel::result::Error> {
    match onboarding.context_number {
        Some(number) => store::context::read(connection, onboarding.workspace, number).await,
        None => Ok(None),
    }
}

async fn known(connection: &mut AsyncPgConnection, workspace: WorkspaceId, number: Option<u64>) -> Result<Finalized, ChangeError> {
    let context = store::context::read(connection, workspace, number.unwrap_or(0)).await?;
    let context = context.ok_or_else(|| ChangeError::Document(format!("workspace {workspace} lacks its context")))?;
    Ok(Finalized { number: context.number, sha256: context.sha256 })
}

fn build(
    workspace: WorkspaceId,
    number: u64,
    editor: &Editor,
    now: DateTime<Utc>,
    steps: &Steps,
) -> Result<BusinessContext, FinalizeError> {
    let mut outcomes = BTreeMap::new();
    for (slug, step) in steps {
        let outcome = match (step.state, &step.answer) {
            (StepState::Complete, Some(answer)) => StepOutcome::Complete {
                answer: answer.clone(),
                source: AnswerSource { revision: step.revision.to_string(), answered_at: step.updated_at, answered_by: step.updated_by },
            },
            (StepState::Skipped, _) => StepOutcome::Skipped,
            (StepState::Complete | StepState::Draft | StepState::Invalid, _) => continue,
        };
        outcomes.insert(*slug, outcome);
    }
    let act = Finalization { version: number, workspace, at: now, by: editor.user() };
    BusinessContext::build(act, &outcomes).map_err(|error| match error {
        ContextError::Incomplete(incomplete) => {
            FinalizeError::Incomplete(incomplete.into_iter().map(|step| with_what_is_there(step, steps, now)).collect())
        }
        ContextError::TooLarge { size, limit } => FinalizeError::TooLarge { size, limit },
        ContextError::Canonical(error) => error.into(),
    })
}

/// A step that was begun lists what its own answer lacks instead of every required field.
fn with_what_is_there(incomplete: IncompleteStep, steps: &Steps, now: DateTime<Utc>) -> IncompleteStep {
    let slug: Slug = incomplete.step;
    let Some(answer) = steps.get(&slug).and_then(|step| step.answer.as_ref()) else { return incomplete };
    let errors = match answer::check(slug.step(), answer, Mode::Complete, now.year()) {
        Err(Rejected::Invalid(errors)) => errors,
        Ok(_) | Err(Rejected::TooLarge { .. }) => vec![FieldError {
            pointer: String::new(),
            code: FieldErrorCode::NotConfirmed,
            message: "The step was changed and has to be completed again.".to_owned(),
        }],
    };
    IncompleteStep { step: slug, errors }
}
