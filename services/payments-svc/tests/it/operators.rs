//! The admin API.

use payments_svc::App;
use sandbox::{Outcome, SandboxConfig};
use serde_json::json;
use testkit::{Database, Running, Vhost, operators::Operator, person};

use crate::rig::{Rig, settings};

/// The operations of this service alone.
pub const OPERATIONS: [&str; 6] = [
    "get orders/{order_id}",
    "post orders/{order_id}/reconcile",
    "post orders/{order_id}/fix",
    "get refunds",
    "post refunds",
    "get refunds/{refund_id}",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_a_second_factor_acts_and_nobody_else_does() {
    let (database, vhost) = (Database::create().await, Vhost::create().await);
    messaging::link::declare_topology(&vhost.url().into(), "a test").await.unwrap();
    let outside = sandbox::start(SandboxConfig::default()).unwrap();
    let running = Running::start::<App>(settings(&database, Some(&vhost), &outside), false);
    let operator = Operator::new(&database, format!("{}/api/admin/payments", running.url)).await;
    operator.assert_others_are_refused(&person(&database).await.token, &OPERATIONS).await;
    operator.assert_every_act_works(&database, &vhost, "payments", "payments-svc.identity.v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_at_an_order_and_gives_its_money_back() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let operator = Operator::new(&rig.database, rig.admin_url()).await;
    let order = operator.get(&format!("orders/{id}")).await;
    assert_eq!((&order["state"], &order["attempts"][0]["state"]), (&json!("completed"), &json!("completed")));
    let would = operator.post("refunds", json!({ "order_id": id, "dry_run": true })).await;
    assert_eq!((would.0, &would.1["amount"], would.1.get("refund_id")), (200, &json!(500_000), None));
    let refusals = [
        (json!({ "order_id": id }), 422, "GW-0006"),
        (json!({ "order_id": id, "attempt": "no id", "why": "x" }), 422, "GW-0006"),
        (json!({ "order_id": id, "amount": 500_001, "why": "x" }), 422, "PAY-0012"),
        (json!({ "order_id": "019c2d6e-0000-7000-8000-000000000002", "why": "x" }), 404, "PAY-0003"),
    ];
    for (body, status, code) in refusals {
        let (found, problem) = operator.post("refunds", body.clone()).await;
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{body}");
    }
    assert_eq!(rig.database.number("select count(*) from payments.refund").await, 0);
    let (status, refund) = operator.post("refunds", json!({ "order_id": id, "amount": 100_000, "why": "ticket 7" })).await;
    assert_eq!((status, &refund["state"], &refund["reason"]), (200, &json!("created"), &json!("ticket 7")), "{refund}");
    rig.wait_for_state(&id, "partially_refunded").await;
    let refund = operator.get(&format!("refunds/{}", refund["refund_id"].as_str().unwrap())).await;
    assert_eq!(refund["state"], json!("completed"));
    assert_eq!(operator.get(&format!("refunds?order_id={id}")).await["refunds"], json!([refund]));
    assert_eq!(operator.get("refunds?open=true").await["refunds"], json!([]));
    let audited = format!("select count(*) from payments.audit_log where action = 'refund.create' and actor_id = '{}'", operator.user);
    assert_eq!(rig.database.number(&audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_phonepe_and_decides_about_what_does_not_match() {
    let rig = Rig::start().await;
    rig.without_webhooks();
    let id = rig.ordered().await;
    rig.sql("update payments.orders set amount = amount + 1, next_check_at = now() + interval '1 day'").await;
    rig.end(&id, Outcome::Success);
    let operator = Operator::new(&rig.database, rig.admin_url()).await;
    let asked = operator.post(&format!("orders/{id}/reconcile"), json!({ "dry_run": true })).await;
    assert_eq!(asked, (200, json!({ "attempts": [{ "merchant_order_id": format!("{id}-1"), "provider_state": "COMPLETED" }] })));
    let (_, applied) = operator.post(&format!("orders/{id}/reconcile"), json!({})).await;
    assert_eq!(applied["attempts"][0]["outcome"], json!("quarantined"));
    let fix = |decision: &str| json!({ "as": decision, "why": "ticket 8" });
    for (decision, status, code) in [("maybe", 422, "GW-0006"), ("paid", 409, "GW-0016")] {
        let (found, problem) = operator.post(&format!("orders/{id}/fix"), fix(decision)).await;
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{decision}");
    }
    assert_eq!(operator.post(&format!("orders/{id}/fix"), fix("unpaid")).await, (200, json!({ "state": "failed", "dry_run": false })));
    let audited = format!("select count(*) from payments.audit_log where action = 'order.fix' and actor_id = '{}'", operator.user);
    assert_eq!(rig.database.number(&audited).await, 1);
}
