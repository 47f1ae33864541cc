//! What is kept of a deleted workspace.

use sandbox::MandateState;
use service_kit::{Service, erasure};

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_workspace_the_orders_stay_without_the_payers_address_and_details() {
    let rig = Rig::start().await;
    let order = rig.ordered().await;
    rig.sql("update payments.orders set payer_email = 'ann@example.test'").await;
    let details = serde_json::json!({ "legal_name": "Acme LLP", "address": ["Pune"], "state": "27" });
    rig.call(reqwest::Method::PUT, "billing-details", &rig.payer.token, Some(details)).await;
    assert_eq!(rig.database.number("select count(*) from payments.billing_details").await, 1);
    let app = rig.app();
    let mut connection = app.kit().worker_db.get().await.unwrap();
    erasure::erase(&mut connection, domain::ids::WorkspaceId::from_uuid(rig.payer.workspace)).await.unwrap();
    let kept = format!("select count(*) from payments.orders where id = '{order}' and payer_email is null");
    assert_eq!(rig.database.number(&kept).await, 1);
    assert_eq!(rig.database.number("select count(*) from payments.billing_details").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_is_debited_no_more() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    let app = rig.app();
    let mut connection = app.kit().worker_db.get().await.unwrap();
    erasure::erase(&mut connection, domain::ids::WorkspaceId::from_uuid(rig.payer.workspace)).await.unwrap();
    rig.make_autopay_due().await;
    rig.wait_for_count(1, "select count(*) from payments.mandate where state = 'canceled'").await;
    assert_eq!(rig.outside().mandate(&mandate).unwrap().state, MandateState::Cancelled);
}
