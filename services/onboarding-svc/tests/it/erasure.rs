//! What becomes of the answers when their workspace is deleted.

use diesel_async::SimpleAsyncConnection;
use domain::event::{Event, WorkspaceDeleted};
use serde_json::json;
use service_kit::{Service, erasure};

use crate::rig::{ACME, Rig};

const LEFT: &str = "select (select count(*) from onboarding.draft) + (select count(*) from onboarding.business_context) \
                    + (select count(*) from onboarding.unlock) + (select count(*) from onboarding.onboarding)";

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_leaves_no_answer_in_postgresql_and_redis_and_none_comes_back() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post("/api/onboarding/finalize", &[], None).await.expect(202);
    rig.deliver(&rig.generated(1), 1).await;
    assert!(rig.database.number(LEFT).await > 20);
    rig.database.admin().await.batch_execute("update onboarding.outbox set published_at = now()").await.unwrap();
    rig.deliver(&Event::WorkspaceDeleted(WorkspaceDeleted { workspace_id: rig.workspace() }), 2).await;
    assert_eq!(rig.database.number(LEFT).await, 0);
    assert_eq!(rig.database.number("select count(*) from onboarding.outbox").await, 0, "events had the answers in them");
    let resumed = rig.get("/api/onboarding?answers=true").await;
    assert!(!resumed.body.to_string().contains("Acme"), "{}", resumed.body);

    // What was on its way when it was deleted.
    rig.deliver(&rig.confirmed(), 3).await;
    rig.save("company", r#""0""#, &json!({"company_name": "Acme"})).await;
    let kit = rig.service.kit();
    erasure::repeat(&kit.worker_db, kit.clock.now()).await.unwrap();
    assert_eq!(rig.database.number(LEFT).await, 0, "goes when the job repeats it");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_keeps_everything() {
    let rig = Rig::unlocked().await;
    let before = rig.database.number(LEFT).await;
    let other = domain::ids::WorkspaceId::generate();
    rig.deliver(&Event::WorkspaceDeleted(WorkspaceDeleted { workspace_id: other }), 2).await;
    assert_eq!(rig.database.number(LEFT).await, before);
}
