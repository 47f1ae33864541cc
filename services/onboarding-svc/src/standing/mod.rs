//! Where a workspace's onboarding stands, what moves it, and the event that tells of each move.

pub(crate) mod lapse;
pub(crate) mod manifest;
pub(crate) mod subscription;
pub(crate) mod unlock;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::{Event, OnboardingEvent},
    ids::WorkspaceId,
    onboarding::{Act, Announcement, IllegalAct, IllegalTransition, OnboardingFacts, OnboardingStatus, Progress, SubscriptionFact},
    step::SCHEMA_VERSION,
};
use messaging::{
    HandlerError,
    outbox::{self, OutboxError},
};
use service_kit::db::{self, DbError};
use uuid::Uuid;

use crate::{
    OnboardingService,
    session::{Editor, Summary},
    store,
};

/// The stored facts of a workspace's onboarding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Onboarding {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// What unlocked it, and when.
    pub(crate) unlocked: Option<(Uuid, DateTime<Utc>)>,
    /// The latest subscription by sequence.
    pub(crate) subscription: Option<SubscriptionFact>,
    /// That sequence.
    pub(crate) subscription_sequence: i64,
    /// How far the members came.
    pub(crate) progress: Progress,
    /// The status of the last event.
    pub(crate) announced: OnboardingStatus,
    /// The epoch of the drafts.
    pub(crate) draft_epoch: i64,
    /// Whether Redis may hold the drafts of this epoch.
    pub(crate) drafts_in_redis: bool,
    /// The latest business context.
    pub(crate) context_number: Option<u64>,
    /// When it was made.
    pub(crate) finalized_at: Option<DateTime<Utc>>,
    /// When it was last handed on.
    pub(crate) finalize_emitted_at: Option<DateTime<Utc>>,
    /// Why no manifest could be made of it.
    pub(crate) failure_reason: Option<String>,
    /// The last edit.
    pub(crate) last_activity_at: DateTime<Utc>,
    /// The version of the steps that the drafts follow.
    pub(crate) schema_version: String,
    /// Reminders sent since then.
    pub(crate) reminded: u32,
}

impl Onboarding {
    /// One of which nothing is known yet: it is locked.
    pub(crate) fn locked(workspace: WorkspaceId, now: DateTime<Utc>) -> Self {
        Self {
            workspace,
            unlocked: None,
            subscription: None,
            subscription_sequence: 0,
            progress: Progress::NotStarted,
            announced: OnboardingStatus::Locked,
            draft_epoch: 1,
            drafts_in_redis: false,
            context_number: None,
            finalized_at: None,
            finalize_emitted_at: None,
            failure_reason: None,
            last_activity_at: now,
            schema_version: SCHEMA_VERSION.to_owned(),
            reminded: 0,
        }
    }

    /// The status at `now` with this progress.
    pub(crate) fn status_with(&self, progress: Progress, now: DateTime<Utc>) -> OnboardingStatus {
        OnboardingFacts { unlocked: self.unlocked.is_some(), subscription: self.subscription, progress }.status(now)
    }

    /// The status at `now`.
    pub(crate) fn status(&self, now: DateTime<Utc>) -> OnboardingStatus {
        self.status_with(self.progress, now)
    }

    /// Notes that somebody was at work, or could begin to be, at `at`: the time of silence begins anew.
    pub(crate) fn active(&mut self, at: DateTime<Utc>) {
        if at > self.last_activity_at {
            self.last_activity_at = at;
            self.reminded = 0;
        }
    }

    /// Lets `act` move the progress.
    pub(crate) fn apply(&mut self, act: Act) -> Result<(), IllegalAct> {
        self.progress = self.progress.apply(act)?;
        Ok(())
    }
}

/// Whether the answers may be edited in this status.
pub(crate) fn accepts_edits(status: OnboardingStatus) -> bool {
    match status {
        OnboardingStatus::Unlocked
        | OnboardingStatus::InProgress
        | OnboardingStatus::Completed
        | OnboardingStatus::Reopened
        | OnboardingStatus::Archived => true,
        OnboardingStatus::Locked | OnboardingStatus::Suspended | OnboardingStatus::Finalizing => false,
    }
}

/// Why a change could not be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The progress does not allow the act.
    #[error(transparent)]
    Act(#[from] IllegalAct),
    /// The lifecycle has no such change of status.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// An event is larger than events may be, or a stored document is not readable.
    #[error("{0}")]
    Document(String),
}

impl From<diesel::result::Error> for ChangeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<OutboxError> for ChangeError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Database(error) => error.into(),
            OutboxError::TooLarge { .. } => Self::Document(error.to_string()),
        }
    }
}

impl From<ChangeError> for HandlerError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Db(error) => error.into(),
            ChangeError::Act(_) | ChangeError::Transition(_) | ChangeError::Document(_) => Self::Permanent(error.to_string()),
        }
    }
}

/// The row of a workspace, made if need be, which nobody else changes until the transaction ends.
pub(crate) async fn take(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    now: DateTime<Utc>,
) -> Result<Onboarding, ChangeError> {
    store::onboarding::ensure(connection, workspace, now).await?;
    let row = store::onboarding::lock(connection, workspace).await?;
    row.ok_or_else(|| ChangeError::Document(format!("workspace {workspace} has no onboarding")))
}

/// Stores a changed onboarding and writes the event that tells of its new status. An unchanged status is told only
/// when the steps moved. `onboarding.finalized` is not written here: it carries the context, which its use case has.
pub(crate) async fn store_and_tell(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    onboarding: &mut Onboarding,
    steps_moved: bool,
) -> Result<(), ChangeError> {
    let (before, after) = (onboarding.announced, onboarding.status(now));
    let announcement = before.announce(after)?.filter(|_| before != after || steps_moved);
    onboarding.announced = after;
    // Nobody could work before that.
    if matches!(announcement, Some(Announcement::Unlocked | Announcement::Resumed)) {
        onboarding.active(now);
    }
    store::onboarding::update(connection, onboarding, now).await?;
    let Some(announcement) = announcement else { return Ok(()) };
    let summary = Summary::of(&store::draft::states(connection, onboarding.workspace).await?);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let data = OnboardingEvent {
        workspace_id: onboarding.workspace,
        status: after.into(),
        steps_done: count(summary.done),
        steps_total: count(Summary::total()),
        percent: summary.percent(),
        next_step: summary.next.map(|slug| slug.to_string()),
    };
    let event = match announcement {
        Announcement::Unlocked => Event::OnboardingUnlocked(data),
        Announcement::Progressed => Event::OnboardingProgressed(data),
        Announcement::Completed => Event::OnboardingCompleted(data),
        Announcement::Reopened => Event::OnboardingReopened(data),
        Announcement::Suspended => Event::OnboardingSuspended(data),
        Announcement::Resumed => Event::OnboardingResumed(data),
        Announcement::Archived => Event::OnboardingArchived(data),
        Announcement::Finalized => return Ok(()),
    };
    outbox::append(connection, now, &event).await?;
    Ok(())
}

/// Where a workspace stands, at most five seconds old while it accepts edits and fresh otherwise.
pub(crate) async fn of(app: &OnboardingService, editor: &Editor) -> Result<Arc<Onboarding>, DbError> {
    match app.standings.get(&editor.workspace) {
        Some(known) if accepts_edits(known.status(app.kit.clock.now())) => Ok(known),
        _ => fresh(app, editor).await,
    }
}

/// Where a workspace stands, asked as the user.
async fn fresh(app: &OnboardingService, editor: &Editor) -> Result<Arc<Onboarding>, DbError> {
    let mut connection = app.kit.db.get().await?;
    let workspace = editor.workspace;
    let row = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            store::onboarding::read(connection, workspace).await
        })
        .await?;
    Ok(remember(app, row.unwrap_or_else(|| Onboarding::locked(workspace, app.kit.clock.now()))))
}

/// Keeps what was just read.
pub(crate) fn remember(app: &OnboardingService, onboarding: Onboarding) -> Arc<Onboarding> {
    let onboarding = Arc::new(onboarding);
    app.standings.insert(onboarding.workspace, onboarding.clone());
    onboarding
}

impl OnboardingService {
    /// Forgets what is known of a workspace, after a change of it was committed.
    pub(crate) fn forget(&self, workspace: WorkspaceId) {
        self.standings.invalidate(&workspace);
    }
}
