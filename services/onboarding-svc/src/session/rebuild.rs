//! Loading a workspace's rows into Redis under a new epoch.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::role::Role;
use service_kit::auth::authorise;

use super::{EditError, Editor, Steps, upgrade};
use crate::{
    OnboardingService,
    drafts::{Cached, Wanted},
    standing::{self, Onboarding, accepts_edits},
    store,
};

/// How long another request's load is waited for before this one does it too.
const PATIENCE: Duration = Duration::from_millis(20);
const ATTEMPTS: u32 = 12;

/// What a cold hash was replaced with.
pub(super) enum Rebuilt {
    /// The hash, as another request loaded it meanwhile.
    Found(Onboarding, Cached),
    /// The rows, which Redis now has under the onboarding's epoch.
    Loaded(Onboarding, Steps),
    /// The rows; Redis does not have them, because it failed or nothing may be edited.
    Rows(Onboarding, Steps),
}

enum Turn {
    Raised(Onboarding, Steps),
    Closed(Onboarding, Steps),
    Another(Onboarding),
}

/// Loads the rows unless another request is doing so. `seen_epoch` is the epoch known when the hash was found cold: if
/// the row has a newer one by now, somebody else began to load it.
pub(super) async fn rebuild(app: &OnboardingService, editor: &Editor, seen_epoch: i64, wanted: Wanted) -> Result<Rebuilt, EditError> {
    let mut seen_epoch = seen_epoch;
    for attempt in 1..=ATTEMPTS {
        match turn(app, editor, seen_epoch, attempt == ATTEMPTS).await? {
            Turn::Closed(onboarding, steps) => return Ok(Rebuilt::Rows(onboarding, steps)),
            Turn::Raised(onboarding, steps) => {
                app.metrics.rebuilds.inc();
                standing::remember(app, onboarding.clone());
                return Ok(match app.drafts.load(editor.workspace, onboarding.draft_epoch, &steps).await {
                    Ok(true) => Rebuilt::Loaded(onboarding, steps),
                    Ok(false) | Err(_) => Rebuilt::Rows(onboarding, steps),
                });
            }
            Turn::Another(onboarding) => {
                standing::remember(app, onboarding.clone());
                tokio::time::sleep(PATIENCE).await;
                if let Ok(Some(cached)) = app.drafts.read(editor.workspace, wanted).await
                    && cached.epoch >= onboarding.draft_epoch
                {
                    return Ok(Rebuilt::Found(onboarding, cached));
                }
                // After half of the patience the other one is taken for dead.
                if attempt >= ATTEMPTS / 2 {
                    seen_epoch = onboarding.draft_epoch;
                }
            }
        }
    }
    Err(EditError::Stale { current: None, yours: None })
}

async fn turn(app: &OnboardingService, editor: &Editor, seen_epoch: i64, insist: bool) -> Result<Turn, EditError> {
    let (workspace, now) = (editor.workspace, app.kit.clock.now());
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, editor.user(), Role::Member).await?;
            let Some(mut onboarding) = store::onboarding::lock(connection, workspace).await? else {
                return Ok(Turn::Closed(Onboarding::locked(workspace, now), Steps::new()));
            };
            if !accepts_edits(onboarding.status(now)) {
                let steps = store::draft::all(connection, workspace).await?;
                return Ok(Turn::Closed(onboarding, steps));
            }
            if onboarding.drafts_in_redis && onboarding.draft_epoch > seen_epoch && !insist {
                return Ok(Turn::Another(onboarding));
            }
            upgrade::refuse_unless_current(app, &onboarding)?;
            store::contact::note(connection, workspace, &editor.claims, now).await?;
            onboarding.draft_epoch += 1;
            onboarding.drafts_in_redis = true;
            store::onboarding::update(connection, &onboarding, now).await?;
            store::draft::begin_epoch(connection, workspace, onboarding.draft_epoch).await?;
            let steps = store::draft::all(connection, workspace).await?;
            Ok(Turn::Raised(onboarding, steps))
        })
        .await
}
