//! One query tells all event streams of a process that something happened in their workspaces, however many there are.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::ids::WorkspaceId;
use service_kit::{
    Kit,
    db::{Db, DbError},
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::store::gate as store;

const EVERY: Duration = Duration::from_secs(1);
/// Nobody follows: whoever begins wakes the job.
const ASLEEP: Duration = Duration::from_secs(3600);

/// The workspaces that streams wait for, each with what was last known of its state.
#[derive(Debug, Default)]
pub struct GateWatch {
    watched: Mutex<HashMap<WorkspaceId, watch::Sender<String>>>,
    joined: Notify,
}

impl GateWatch {
    /// Follows a workspace that the caller may see. The receiver changes when the gate's answer may have.
    pub fn follow(&self, workspace: WorkspaceId) -> watch::Receiver<String> {
        let receiver = self.lock().entry(workspace).or_insert_with(|| watch::Sender::new(String::new())).subscribe();
        self.joined.notify_one();
        receiver
    }

    /// Reads what is followed and tells who follows; returns whether anybody does.
    async fn refresh(&self, db: &Db) -> Result<bool, DbError> {
        let ids: Vec<Uuid> = {
            let mut watched = self.lock();
            watched.retain(|_, sender| sender.receiver_count() > 0);
            watched.keys().map(|id| id.as_uuid()).collect()
        };
        if ids.is_empty() {
            return Ok(false);
        }
        let mut connection = db.get().await?;
        let states = store::states(&mut connection, &ids).await?;
        let watched = self.lock();
        for (workspace, state) in states {
            if let Some(sender) = watched.get(&workspace) {
                sender.send_if_modified(|known| {
                    let changed = *known != state;
                    *known = state;
                    changed
                });
            }
        }
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, watch::Sender<String>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks once a second while anybody follows, until the process drains.
pub fn start(watch: &std::sync::Arc<GateWatch>, kit: &Kit) {
    let (watch, db, draining) = (watch.clone(), kit.db.clone(), kit.lifecycle.draining());
    kit.lifecycle.spawn_service("gate-watch", async move {
        while !draining.is_cancelled() {
            let pause = match watch.refresh(&db).await {
                Ok(true) => EVERY,
                Ok(false) => ASLEEP,
                Err(error) => {
                    tracing::warn!(error = %error, "event streams of the gate are told later");
                    EVERY
                }
            };
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = watch.joined.notified() => {}
            }
        }
    });
}
