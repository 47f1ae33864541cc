//! Edits and reads on the rows, when Redis does not serve.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    context::{ContextError, check_size},
    role::Role,
    step::Slug,
};
use service_kit::{
    auth::authorise,
    db::{self, DbError},
};

use super::{
    EditError, Editor, Expected, Revised, Revision, Steps, StoredStep,
    edit::{Edit, Edited, refuse_unless_open},
    persist::persist,
    upgrade,
};
use crate::{
    OnboardingService,
    drafts::AUTOSAVE,
    session::Tier,
    standing::{ChangeError, Onboarding},
    store,
};

/// The onboarding with all its steps, read as the user.
pub(super) async fn read(app: &OnboardingService, editor: &Editor) -> Result<(Onboarding, Steps), DbError> {
    let (workspace, now) = (editor.workspace, app.kit.clock.now());
    let mut connection = app.kit.db.get().await?;
    let (onboarding, steps) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            let onboarding = store::onboarding::read(connection, workspace).await?;
            let steps = store::draft::all(connection, workspace).await?;
            Ok::<_, diesel::result::Error>((onboarding, steps))
        })
        .await?;
    Ok((onboarding.unwrap_or_else(|| Onboarding::locked(workspace, now)), steps))
}

/// Makes an edit on the rows. The first one past Redis raises the epoch, so that what Redis may still hold is fenced.
pub(super) async fn edit(
    app: &OnboardingService,
    editor: &Editor,
    slug: Slug,
    expected: Expected,
    edit: &Edit,
) -> Result<Edited, EditError> {
    if edit.limited() {
        let decision = app.kit.limits.take(AUTOSAVE, &editor.user().to_string()).await;
        if !decision.allowed {
            return Err(EditError::Limited { retry_after_s: decision.retry_after_s.into() });
        }
    }
    let (workspace, now) = (editor.workspace, app.kit.clock.now());
    let mut connection = app.kit.db.get().await?;
    let step = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, editor.user(), Role::Member).await?;
            let mut onboarding = store::onboarding::lock(connection, workspace).await?.ok_or(EditError::Locked)?;
            refuse_unless_open(onboarding.status(now))?;
            upgrade::refuse_unless_current(app, &onboarding)?;
            store::contact::note(connection, workspace, &editor.claims, now).await?;
            if onboarding.drafts_in_redis {
                onboarding.draft_epoch += 1;
                onboarding.drafts_in_redis = false;
            }
            let mut steps = store::draft::all(connection, workspace).await?;
            let former = steps.remove(&slug);
            if !expected.allows(former.as_ref().map(|step| step.revision)) {
                return Err(EditError::Stale { current: former.map(Box::new), yours: edit.answer().cloned() });
            }
            let step = after(former, onboarding.draft_epoch, edit, editor, now);
            if edit.answer().is_some() {
                check_together(&steps, slug, &step)?;
            }
            let revised = Revised { slug, step: step.clone(), restores: edit.restores() };
            persist(connection, now, &mut onboarding, &BTreeMap::from([(slug, step.clone())]), &[revised]).await?;
            Ok(step)
        })
        .await?;
    app.forget(workspace);
    Ok(Edited { revision: step.revision, state: step.state, tier: Tier::Postgres, durable: true, at: now })
}

fn after(former: Option<StoredStep>, epoch: i64, edit: &Edit, editor: &Editor, now: DateTime<Utc>) -> StoredStep {
    let (n, answer, completed_at) = former.map_or((0, None, None), |step| (step.revision.n, step.answer, step.completed_at));
    let (first, later) = edit.states();
    StoredStep {
        revision: Revision { epoch, n: n + 1 },
        state: if completed_at.is_none() { first } else { later },
        answer: edit.answer().cloned().or(answer),
        updated_by: editor.user(),
        updated_at: now,
        completed_at: if edit.completes() { Some(now) } else { completed_at },
    }
}

fn check_together(others: &Steps, slug: Slug, step: &StoredStep) -> Result<(), EditError> {
    let mut sections: BTreeMap<_, _> = others.iter().filter_map(|(slug, step)| Some((*slug, step.answer.clone()?))).collect();
    sections.extend(step.answer.clone().map(|answer| (slug, answer)));
    match check_size(&sections) {
        Ok(_) => Ok(()),
        Err(ContextError::TooLarge { size, limit }) => Err(EditError::TogetherTooLarge { size, limit }),
        Err(error) => Err(ChangeError::Document(error.to_string()).into()),
    }
}
