//! Keys in Redis that would stay for ever, or belong to nothing any more.

use std::collections::BTreeMap;

use domain::ids::WorkspaceId;

use super::CleanupError;
use crate::{
    OnboardingService,
    drafts::keys::{Found, Place},
    store::{self, onboarding::Epoch},
};

/// What was wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It had no time to live; it has one now.
    Lifetime,
    /// Its workspace is gone, its epoch is over, or the session it belonged to is; it is removed.
    Orphan,
}

impl Fault {
    /// The name in metrics and at the console.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Orphan => "orphan",
        }
    }
}

/// A key that was repaired, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repaired {
    /// Whose it is.
    pub(crate) workspace: WorkspaceId,
    /// What it holds.
    pub(crate) place: Place,
    /// What was wrong.
    pub(crate) fault: Fault,
}

/// Looks through all keys, or those of one workspace, and repairs them. A dry run only looks.
pub(crate) async fn repair(app: &OnboardingService, only: Option<WorkspaceId>, dry_run: bool) -> Result<Vec<Repaired>, CleanupError> {
    let mut repaired = Vec::new();
    let mut cursor = 0;
    loop {
        let (next, found) = match only {
            Some(workspace) => (0, app.drafts.keys_of(workspace).await?),
            None => app.drafts.scan(cursor).await?,
        };
        // After the keys: a session that was loaded meanwhile has its epoch there.
        let mut known = BTreeMap::new();
        if !found.is_empty() {
            let mut connection = app.kit.worker_db.get().await?;
            let workspaces: Vec<_> = found.iter().map(|found| found.workspace).collect();
            known = store::onboarding::epochs(&mut connection, &workspaces).await?;
        }
        for key in found {
            let Some(fault) = fault(&key, known.get(&key.workspace).copied()) else { continue };
            if !dry_run {
                match fault {
                    Fault::Lifetime => app.drafts.give_lifetime(&key).await?,
                    Fault::Orphan => app.drafts.remove_orphan(&key).await?,
                }
                app.metrics.cleanups.with_label_values(&[fault.as_str()]).inc();
            }
            repaired.push(Repaired { workspace: key.workspace, place: key.place, fault });
        }
        cursor = next;
        if cursor == 0 {
            return Ok(repaired);
        }
    }
}

/// What is wrong with a key whose workspace has this row.
fn fault(key: &Found, row: Option<Epoch>) -> Option<Fault> {
    let orphan = match (key.place, row) {
        (_, None) => true,
        // A hash of the present epoch is a session, as long as the rows say that one may be there.
        (Place::Drafts, Some(row)) => key.epoch < row.epoch || (key.epoch == row.epoch && !row.in_redis),
        // What led to a session goes with it.
        (Place::Revisions, Some(_)) => key.epoch == 0,
    };
    if orphan {
        return Some(Fault::Orphan);
    }
    (key.life_ms < 0).then_some(Fault::Lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(place: Place, epoch: i64, life_ms: i64) -> Found {
        Found { workspace: WorkspaceId::generate(), place, epoch, life_ms }
    }

    #[test]
    fn a_session_of_the_present_epoch_with_a_lifetime_is_left_alone() {
        let row = Some(Epoch { epoch: 4, in_redis: true });
        assert_eq!(fault(&found(Place::Drafts, 4, 5_000), row), None);
        assert_eq!(fault(&found(Place::Revisions, 4, 5_000), row), None);
        // Loaded after the row was read.
        assert_eq!(fault(&found(Place::Drafts, 5, 5_000), row), None);
    }

    #[test]
    fn keys_without_lifetime_get_one_and_what_belongs_to_nothing_goes() {
        let row = Some(Epoch { epoch: 4, in_redis: true });
        assert_eq!(fault(&found(Place::Drafts, 4, -1), row), Some(Fault::Lifetime));
        assert_eq!(fault(&found(Place::Drafts, 3, -1), row), Some(Fault::Orphan));
        assert_eq!(fault(&found(Place::Drafts, 4, 5_000), Some(Epoch { epoch: 4, in_redis: false })), Some(Fault::Orphan));
        assert_eq!(fault(&found(Place::Drafts, 4, 5_000), None), Some(Fault::Orphan));
        assert_eq!(fault(&found(Place::Revisions, 0, 5_000), row), Some(Fault::Orphan));
    }
}
