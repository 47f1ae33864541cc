//! Events of the other services, kept as projections that the gate reads.

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use domain::{
    Clock,
    event::{Event, Open},
    ids::WorkspaceId,
    onboarding::{OnboardingStatus, ProfileOnboarding},
    step::STEP_COUNT,
};
use messaging::{ConsumerSpec, Delivered, Handler, HandlerError};

use crate::store::{gate, profile};

/// The queues of auth-svc.
pub const QUEUES: [&str; 3] = ["auth-svc.payments.v1", "auth-svc.onboarding.v1", "auth-svc.bcm.v1"];

/// Keeps the projections. One handler serves the three queues: what it does depends on the event alone.
#[derive(Clone)]
pub struct GateProjection {
    clock: Arc<dyn Clock>,
}

impl GateProjection {
    /// A handler with the given time.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

/// A consumer for each queue.
///
/// # Errors
/// When the topology lacks one of the queues.
pub fn specs(clock: &Arc<dyn Clock>) -> anyhow::Result<Vec<ConsumerSpec>> {
    QUEUES
        .into_iter()
        .map(|queue| {
            ConsumerSpec::new(queue, GateProjection::new(clock.clone())).ok_or_else(|| anyhow::anyhow!("the topology has no queue {queue}"))
        })
        .collect()
}

#[async_trait]
impl Handler for GateProjection {
    async fn handle(&self, connection: &mut AsyncPgConnection, delivered: &Delivered) -> Result<(), HandlerError> {
        let (sequence, now) = (delivered.sequence, self.clock.now());
        match &delivered.event {
            Event::PaymentPending(event) => {
                gate::upsert_order(connection, event, "pending", sequence, now).await?;
            }
            Event::PaymentConfirmed(event) => {
                gate::upsert_order(connection, event, "confirmed", sequence, now).await?;
            }
            Event::PaymentFailed(event) => {
                gate::upsert_order(connection, event, "failed", sequence, now).await?;
            }
            Event::PaymentRefunded(event) => {
                gate::upsert_order(connection, event, "refunded", sequence, now).await?;
            }
            Event::SubscriptionTrialStarted(event)
            | Event::SubscriptionActivated(event)
            | Event::SubscriptionRenewed(event)
            | Event::SubscriptionPastDue(event)
            | Event::SubscriptionPaused(event)
            | Event::SubscriptionResumed(event)
            | Event::SubscriptionCanceled(event)
            | Event::SubscriptionExpired(event) => {
                gate::upsert_subscription(connection, event, sequence, now).await?;
            }
            Event::OnboardingUnlocked(event)
            | Event::OnboardingProgressed(event)
            | Event::OnboardingCompleted(event)
            | Event::OnboardingReopened(event)
            | Event::OnboardingSuspended(event)
            | Event::OnboardingResumed(event)
            | Event::OnboardingArchived(event) => {
                if gate::upsert_onboarding(connection, event, sequence, now).await?
                    && let Open::Known(status) = event.status
                {
                    mirror(connection, event.workspace_id, status).await?;
                }
            }
            Event::OnboardingFinalized(event) => {
                let steps = i32::try_from(STEP_COUNT).unwrap_or(i32::MAX);
                if gate::finalize_onboarding(connection, event.workspace_id, steps, sequence, now).await? {
                    mirror(connection, event.workspace_id, OnboardingStatus::Finalizing).await?;
                }
            }
            Event::ManifestGenerated(event) => {
                gate::upsert_manifest(connection, event, sequence, now).await?;
            }
            Event::ManifestRolledBack(event) => {
                gate::upsert_manifest(connection, &event.manifest, sequence, now).await?;
            }
            // A failed generation leaves the manifest as it is. Our own events come to no queue of ours.
            Event::ManifestGenerationFailed(_)
            | Event::WorkspaceProvisioned(_)
            | Event::WorkspaceDeleted(_)
            | Event::MemberAdded(_)
            | Event::MemberRemoved(_)
            | Event::MemberRoleChanged(_) => {}
        }
        Ok(())
    }
}

/// Shows the workspace's onboarding in its owner's profile.
async fn mirror(connection: &mut AsyncPgConnection, workspace: WorkspaceId, status: OnboardingStatus) -> Result<(), HandlerError> {
    let Some((owner, former)) = profile::lock_owner_mirror(connection, workspace).await? else { return Ok(()) };
    let former: ProfileOnboarding = former.parse().map_err(|error: domain::UnknownName| HandlerError::Permanent(error.to_string()))?;
    let present = status.mirror(former);
    if present != former {
        profile::set_mirror(connection, owner, present.as_str()).await?;
    }
    Ok(())
}
