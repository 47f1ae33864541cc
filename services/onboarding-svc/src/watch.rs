//! One query tells all event streams of a process about their onboardings, however many there are.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::ids::WorkspaceId;
use service_kit::db::{Db, DbError};
use tokio::sync::{Notify, watch};

use crate::{standing::Onboarding, store};

/// The onboardings that streams wait for.
#[derive(Debug, Default)]
pub(crate) struct StandingWatch {
    watched: Mutex<HashMap<WorkspaceId, watch::Sender<Onboarding>>>,
    joined: Notify,
}

impl StandingWatch {
    /// Follows an onboarding that the caller may see. The receiver begins with `onboarding` as it was read just now; who follows it
    /// already is told too.
    pub(crate) fn follow(&self, onboarding: &Onboarding) -> watch::Receiver<Onboarding> {
        let mut watched = self.lock();
        let sender = watched.entry(onboarding.workspace).or_insert_with(|| watch::Sender::new(onboarding.clone()));
        tell(sender, onboarding);
        self.joined.notify_one();
        sender.subscribe()
    }

    /// Waits until somebody has begun to follow.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// Reads what is followed and tells who follows; returns whether anybody does.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<bool, DbError> {
        let ids: Vec<WorkspaceId> = {
            let mut watched = self.lock();
            watched.retain(|_, sender| sender.receiver_count() > 0);
            watched.keys().copied().collect()
        };
        if ids.is_empty() {
            return Ok(false);
        }
        let mut connection = db.get().await?;
        let onboardings = store::onboarding::watched(&mut connection, &ids).await?;
        let watched = self.lock();
        for onboarding in onboardings {
            if let Some(sender) = watched.get(&onboarding.workspace) {
                tell(sender, &onboarding);
            }
        }
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, watch::Sender<Onboarding>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who follow, if what they follow has changed.
fn tell(sender: &watch::Sender<Onboarding>, onboarding: &Onboarding) {
    sender.send_if_modified(|known| {
        let facts = |of: &Onboarding| (of.progress, of.context_number, of.failure_reason.clone());
        let changed = facts(known) != facts(onboarding);
        if changed {
            onboarding.clone_into(known);
        }
        changed
    });
}
