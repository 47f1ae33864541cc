//! What becomes of manifests when their workspace is deleted.

use domain::{
    event::{Event, WorkspaceDeleted},
    ids::{EventId, WorkspaceId},
};
use service_kit::{Kit, Lifecycle, Service, erasure};
use testkit::config;

use crate::rig::{Rig, acme, eventually};

const LEFT: &str = "select (select count(*) from bcm.business_context_manifests) + (select count(*) from bcm.source_context) \
                    + (select count(*) from bcm.manifest_head) + (select count(*) from bcm.rebuild_job)";

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_leaves_no_manifest_and_one_made_late_goes_too() {
    let rig = Rig::new().await;
    let (who, neighbour) = (rig.person().await, rig.person().await);
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&neighbour, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    let deleted = Event::WorkspaceDeleted(WorkspaceDeleted { workspace_id: WorkspaceId::from_uuid(who.workspace) });
    let id = EventId::generate();
    rig.publish(id, &deleted, 9).await;
    rig.effect_of(id).await;
    assert_eq!((rig.versions(&who).await, rig.versions(&neighbour).await), (0, 1));
    assert_eq!(rig.database.number(LEFT).await, 3, "the neighbour's");
    eventually("nobody reads it any more", async || rig.get(&who, "manifest").await.status() == 404).await;

    rig.finalize(&who, 2, &acme()).await;
    let settings = config::<bcm_svc::BcmService>(&rig.database, None, &[]);
    let kit = Kit::new(bcm_svc::BcmService::IDENTITY, settings.kit, Lifecycle::on_this_runtime()).unwrap();
    erasure::repeat(&kit.worker_db, kit.clock.now()).await.unwrap();
    assert_eq!((rig.versions(&who).await, rig.versions(&neighbour).await), (0, 1));
}
