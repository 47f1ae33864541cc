//! Replicas tell each other what to forget. A message may be lost: entries live five seconds, which is the guarantee.

use std::time::Duration;

use domain::ids::{UserId, WorkspaceId};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::{Tiers, redis};

/// What to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forget {
    /// Which version is the current one.
    Head(WorkspaceId),
    /// A member's role.
    Role(WorkspaceId, UserId),
}

/// Listens to the other replicas until the process drains.
pub async fn listen(tiers: Tiers) {
    let draining = tiers.kit.lifecycle.draining();
    loop {
        tokio::select! {
            () = draining.cancelled() => return,
            () = listen_once(&tiers) => {}
        }
        tokio::select! {
            () = draining.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// One subscription, until it breaks.
async fn listen_once(tiers: &Tiers) {
    let Ok(mut subscriber) = tiers.kit.cache.subscriber().await else { return };
    if let Err(error) = subscriber.subscribe(redis::CHANNEL).await {
        tracing::warn!(%error, "cannot listen to other replicas");
        return;
    }
    // What was said meanwhile was not heard.
    tiers.forget_all_heads();
    let mut messages = subscriber.into_on_message();
    while let Some(message) = messages.next().await {
        if let Ok(forget) = serde_json::from_slice::<Forget>(message.get_payload_bytes()) {
            tiers.forget(forget).await;
        }
    }
}
