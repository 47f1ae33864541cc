//! Which events the service takes, and what each does.

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use domain::{
    canonical,
    context::{BusinessContext, MAX_CONTEXT_BYTES},
    event::{Event, ManifestGenerationFailed, OnboardingFinalized},
};
use messaging::{Delivered, Handler, HandlerError, outbox};
use service_kit::erasure;

use crate::{
    BcmService,
    manifest::{
        ContextError, ReadError, ReduceFailure,
        generate::{Cause, GenerateError, Prepared, generate},
        open_context, reduce_aside,
    },
    store::{entitlement, source},
    tiers::Forget,
};

/// `onboarding.finalized` makes a version.
pub struct FinalizedContexts(pub Arc<BcmService>);

#[async_trait]
impl Handler for FinalizedContexts {
    async fn handle(&self, connection: &mut AsyncPgConnection, delivered: &Delivered) -> Result<(), HandlerError> {
        let Event::OnboardingFinalized(finalized) = &delivered.event else { return Ok(()) };
        match self.generate(connection, delivered, finalized).await {
            Ok(outcome) => {
                self.0.metrics.generated("finalized", outcome);
                Ok(())
            }
            Err(Failure::Handler(error)) => Err(error),
            Err(Failure::Told(reason)) => {
                self.0.metrics.generated("finalized", "failed");
                tracing::warn!(workspace = %finalized.workspace_id, context_number = finalized.context_number, reason, "no manifest could be made");
                let failed = Event::ManifestGenerationFailed(ManifestGenerationFailed {
                    workspace_id: finalized.workspace_id,
                    context_number: finalized.context_number,
                    reason: reason.to_owned(),
                });
                let written = outbox::append(connection, self.0.kit.clock.now(), &failed).await;
                written.map(|_| ()).map_err(|error| HandlerError::Transient(error.to_string()))
            }
        }
    }

    async fn committed(&self, delivered: &Delivered) {
        if matches!(delivered.event, Event::OnboardingFinalized(_)) {
            service_kit::kill_point!("K10");
            self.0.tiers.announce(delivered.workspace_id).await;
        }
    }
}

/// Why an event made no version.
enum Failure {
    /// Onboarding is told, in words for the user; the event has had its effect.
    Told(&'static str),
    /// The event had no effect.
    Handler(HandlerError),
}

impl<T: Into<HandlerError>> From<T> for Failure {
    fn from(error: T) -> Self {
        Self::Handler(error.into())
    }
}

impl FinalizedContexts {
    async fn generate(
        &self,
        connection: &mut AsyncPgConnection,
        delivered: &Delivered,
        finalized: &OnboardingFinalized,
    ) -> Result<&'static str, Failure> {
        let app = &self.0;
        let (bytes, context) = opened(finalized).map_err(Failure::Told)?;
        let policy = app.config.manifest.policy;
        let sha256 = canonical::Checksum::of(&bytes);
        let reduced = match reduce_aside(context, policy, &app.metrics).await {
            Ok(reduced) => reduced,
            Err(ReduceFailure::Refused(error)) => {
                tracing::error!(%error, "a context cannot be reduced");
                return Err(Failure::Told("The finalized answers could not be made into a manifest. Check them and finalize again."));
            }
            Err(error @ ReduceFailure::Stopped(_)) => return Err(Failure::Handler(HandlerError::Transient(error.to_string()))),
        };
        let (workspace, number) = (finalized.workspace_id, finalized.context_number);
        if !source::keep(connection, workspace, number, sha256, &bytes).await? {
            return Err(Failure::Told("Other answers were received under the same number before. Finalize again."));
        }
        let prepared = Prepared { workspace, number, sha256, policy, reduced };
        let cause = Cause::Finalized { event: delivered.id.as_uuid(), by: finalized.finalized_by };
        let outcome = generate(connection, app.kit.clock.now(), &prepared, cause, &app.metrics).await.map_err(refused)?;
        service_kit::kill_point!("F2");
        Ok(outcome.as_str())
    }
}

fn refused(error: GenerateError) -> HandlerError {
    match error {
        GenerateError::Db(error) => error.into(),
        GenerateError::Current(ReadError::Unavailable(error)) => HandlerError::Unavailable(error),
        GenerateError::Current(_) | GenerateError::Json(_) | GenerateError::Outbox(_) => HandlerError::Transient(error.to_string()),
    }
}

/// The context of an event in canonical bytes, if it is what the event says it is. Otherwise why not, for the user.
fn opened(finalized: &OnboardingFinalized) -> Result<(Vec<u8>, BusinessContext), &'static str> {
    const UNREADABLE: &str = "The finalized answers have a form that cannot be read. Finalize again.";
    let bytes = canonical::value_to_bytes(&finalized.context).map_err(|_| UNREADABLE)?;
    if bytes.len() > MAX_CONTEXT_BYTES {
        return Err("The finalized answers are too large. Shorten them and finalize again.");
    }
    let context = open_context(&bytes, &finalized.context_sha256).map_err(|error| match error {
        ContextError::Checksum { .. } => "The finalized answers were damaged on their way. Finalize again.",
        ContextError::Canonical(_) | ContextError::Shape(_) => UNREADABLE,
    })?;
    if context.workspace != finalized.workspace_id || context.version != finalized.context_number {
        return Err("The finalized answers belong to another workspace or number. Finalize again.");
    }
    Ok((bytes, context))
}

/// `payments.subscription.*` tells whether the workspace may rebuild.
pub struct SubscriptionEvents;

#[async_trait]
impl Handler for SubscriptionEvents {
    async fn handle(&self, connection: &mut AsyncPgConnection, delivered: &Delivered) -> Result<(), HandlerError> {
        match &delivered.event {
            Event::SubscriptionTrialStarted(event)
            | Event::SubscriptionActivated(event)
            | Event::SubscriptionRenewed(event)
            | Event::SubscriptionPastDue(event)
            | Event::SubscriptionPaused(event)
            | Event::SubscriptionResumed(event)
            | Event::SubscriptionCanceled(event)
            | Event::SubscriptionExpired(event) => {
                entitlement::project(connection, event, delivered.sequence, delivered.time).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `identity.member.*` makes every replica ask for the member's role again; a deleted workspace is erased.
pub struct WorkspaceEvents(pub Arc<BcmService>);

#[async_trait]
impl Handler for WorkspaceEvents {
    async fn handle(&self, connection: &mut AsyncPgConnection, delivered: &Delivered) -> Result<(), HandlerError> {
        if let Event::WorkspaceDeleted(deleted) = &delivered.event {
            erasure::erase(connection, deleted.workspace_id).await?;
        }
        Ok(())
    }

    async fn committed(&self, delivered: &Delivered) {
        if let Event::MemberAdded(member) | Event::MemberRemoved(member) | Event::MemberRoleChanged(member) = &delivered.event {
            self.0.tiers.tell(Forget::Role(member.workspace_id, member.user_id)).await;
        }
        if let Event::WorkspaceDeleted(deleted) = &delivered.event {
            self.0.tiers.tell(Forget::Head(deleted.workspace_id)).await;
        }
    }
}
