//! Events that payments-svc takes: membership changes, to forget what it remembers of a member; deleted workspaces, to erase
//! what it need not keep of them.

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use domain::event::Event;
use messaging::{ConsumerSpec, Delivered, Handler, HandlerError};
use service_kit::{Kit, auth::Membership, erasure};

struct WorkspaceEvents(Membership);

#[async_trait]
impl Handler for WorkspaceEvents {
    /// No state here depends on members: the roles are asked of schema `identity` in every write.
    async fn handle(&self, connection: &mut AsyncPgConnection, delivered: &Delivered) -> Result<(), HandlerError> {
        if let Event::WorkspaceDeleted(deleted) = &delivered.event {
            erasure::erase(connection, deleted.workspace_id).await?;
        }
        Ok(())
    }

    async fn committed(&self, delivered: &Delivered) {
        if let Event::MemberAdded(member) | Event::MemberRemoved(member) | Event::MemberRoleChanged(member) = &delivered.event {
            self.0.forget(member.workspace_id, member.user_id).await;
        }
    }
}

/// Every consumer of the service.
pub(crate) fn all(kit: &Kit) -> Vec<ConsumerSpec> {
    ConsumerSpec::new("payments-svc.identity.v1", WorkspaceEvents(kit.membership.clone())).into_iter().collect()
}
