//! Reading a workspace's steps: the resume answer and one step.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::onboarding::{Act, OnboardingStatus};

use super::{
    EditError, Editor, Steps, Summary, Tier,
    rebuild::{Rebuilt, rebuild},
    rows, states, upgrade,
};
use crate::{
    OnboardingService,
    drafts::{Cached, Wanted},
    standing::{Onboarding, accepts_edits},
};

/// A workspace's onboarding as a member sees it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where it stands.
    pub(crate) onboarding: Arc<Onboarding>,
    /// The status, with edits counted that PostgreSQL does not have yet.
    pub(crate) status: OnboardingStatus,
    /// The touched steps, or those that were asked for.
    pub(crate) steps: Steps,
    /// Where they were read.
    pub(crate) tier: Tier,
    /// When the session counts as abandoned; none while nothing can be edited.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

impl Session {
    /// How far the steps are; of use only when all steps were read.
    pub(crate) fn summary(&self) -> Summary {
        Summary::of(&states(&self.steps))
    }
}

/// Reads in one round trip to Redis when it is warm; loads a cold hash, so that the revisions answered are those an
/// edit meets; reads the rows when Redis is down or nothing can be edited.
pub(crate) async fn read(app: &OnboardingService, editor: &Editor, wanted: Wanted) -> Result<Session, EditError> {
    let onboarding = upgrade::standing(app, editor).await?;
    if !accepts_edits(onboarding.status(app.kit.clock.now())) {
        return Ok(of_rows(app, rows::read(app, editor).await?, Tier::Postgres));
    }
    match app.drafts.read(editor.workspace, wanted).await {
        Ok(Some(cached)) if cached.epoch >= onboarding.draft_epoch => Ok(of_cached(app, onboarding, cached)),
        Ok(_) => Ok(match rebuild(app, editor, onboarding.draft_epoch, wanted).await? {
            Rebuilt::Found(onboarding, cached) => of_cached(app, Arc::new(onboarding), cached),
            Rebuilt::Loaded(onboarding, steps) | Rebuilt::Rows(onboarding, steps) => of_rows(app, (onboarding, steps), Tier::Postgres),
        }),
        Err(_) => Ok(of_rows(app, rows::read(app, editor).await?, Tier::Postgres)),
    }
}

fn of_cached(app: &OnboardingService, onboarding: Arc<Onboarding>, cached: Cached) -> Session {
    let now = app.kit.clock.now();
    let progress = if cached.dirty { onboarding.progress.apply(Act::Edited).unwrap_or(onboarding.progress) } else { onboarding.progress };
    Session {
        status: onboarding.status_with(progress, now),
        steps: cached.steps,
        tier: Tier::Redis,
        expires_at: Some(now + TimeDelta::milliseconds(cached.life_ms.max(0))),
        onboarding,
    }
}

fn of_rows(app: &OnboardingService, (onboarding, steps): (Onboarding, Steps), tier: Tier) -> Session {
    let status = onboarding.status(app.kit.clock.now());
    let life = TimeDelta::days(i64::from(app.config.drafts.life_days));
    Session {
        status,
        steps,
        tier,
        expires_at: accepts_edits(status).then(|| onboarding.last_activity_at + life),
        onboarding: Arc::new(onboarding),
    }
}
