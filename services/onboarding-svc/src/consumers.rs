//! Which events the service takes, and the use case for each.

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use domain::event::Event;
use messaging::{Delivered, Handler, HandlerError};
use service_kit::erasure;

use crate::{
    OnboardingService,
    standing::{
        manifest::{self, Outcome},
        subscription, take,
        unlock::{self, Source},
    },
};

/// `onboarding-svc.identity.v1`: workspaces and their members.
pub struct WorkspaceEvents(pub Arc<OnboardingService>);

#[async_trait]
impl Handler for WorkspaceEvents {
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
        match &event.event {
            Event::WorkspaceProvisioned(data) => {
                take(connection, data.workspace_id, self.0.kit.clock.now()).await?;
            }
            Event::WorkspaceDeleted(data) => erasure::erase(connection, data.workspace_id).await?,
            _ => {}
        }
        Ok(())
    }

    async fn committed(&self, event: &Delivered) {
        if let Event::MemberAdded(data) | Event::MemberRemoved(data) | Event::MemberRoleChanged(data) = &event.event {
            self.0.kit.membership.forget(data.workspace_id, data.user_id).await;
        }
        if let Event::WorkspaceDeleted(data) = &event.event {
            self.0.forget(data.workspace_id);
            // Without it the write-behind would look for rows that are gone until the answers expire.
            if let Err(error) = self.0.drafts.discard(data.workspace_id, i64::MAX).await {
                tracing::warn!(workspace = %data.workspace_id, %error, "the answers of a deleted workspace stay in Redis until they expire");
            }
        }
    }
}

/// `onboarding-svc.payments.v1`: what unlocks, suspends and resumes.
pub struct PaymentEvents(pub Arc<OnboardingService>);

impl PaymentEvents {
    async fn unlock(&self, connection: &mut AsyncPgConnection, event: &Delivered, source: Source) -> Result<(), HandlerError> {
        let now = self.0.kit.clock.now();
        if unlock::unlock(connection, now, event.event.workspace_id(), source, event.id).await? {
            self.0.metrics.unlocks.with_label_values(&[source.as_str()]).inc();
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for PaymentEvents {
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
        let now = self.0.kit.clock.now();
        match &event.event {
            Event::PaymentConfirmed(data) => self.unlock(connection, event, Source::Payment(data.order_id)).await?,
            Event::SubscriptionTrialStarted(data) => {
                subscription::take_over(connection, now, data, event.sequence).await?;
                self.unlock(connection, event, Source::Trial(data.subscription_id)).await?;
            }
            Event::SubscriptionActivated(data)
            | Event::SubscriptionRenewed(data)
            | Event::SubscriptionPastDue(data)
            | Event::SubscriptionPaused(data)
            | Event::SubscriptionResumed(data)
            | Event::SubscriptionCanceled(data)
            | Event::SubscriptionExpired(data) => subscription::take_over(connection, now, data, event.sequence).await?,
            _ => {}
        }
        Ok(())
    }

    async fn committed(&self, event: &Delivered) {
        self.0.forget(event.event.workspace_id());
    }
}

/// `onboarding-svc.bcm.v1`: what became of a finalized context.
pub struct ManifestEvents(pub Arc<OnboardingService>);

#[async_trait]
impl Handler for ManifestEvents {
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
        let (workspace, number, outcome) = match &event.event {
            Event::ManifestGenerated(data) => (data.workspace_id, data.context_number, Outcome::Generated),
            Event::ManifestGenerationFailed(data) => (data.workspace_id, data.context_number, Outcome::Failed(data.reason.clone())),
            _ => return Ok(()),
        };
        Ok(manifest::conclude(connection, self.0.kit.clock.now(), workspace, number, outcome).await?)
    }

    async fn committed(&self, event: &Delivered) {
        self.0.forget(event.event.workspace_id());
    }
}
