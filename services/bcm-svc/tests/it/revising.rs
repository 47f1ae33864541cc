//! Going back, pinning, naming.

use diesel_async::SimpleAsyncConnection;
use domain::subscription::SubscriptionState;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use testkit::Person;

use crate::rig::{Rig, code, edition, eventually, header};

async fn with_versions(rig: &Rig, count: u64) -> Person {
    let who = rig.person().await;
    for number in 1..=count {
        rig.finalize(&who, number, &edition(number)).await;
    }
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    who
}

async fn post(rig: &Rig, who: &Person, path: &str, body: &Value) -> Response {
    rig.ask(Method::POST, &rig.replica, who, path).json(body).send().await.unwrap()
}

async fn sequence(rig: &Rig, who: &Person, path: &str) -> u64 {
    rig.json(who, path).await["record"]["sequence"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_makes_a_new_version_with_the_old_content() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 3).await;
    let old = rig.json(&who, "manifest/versions/1").await;
    let answer = post(&rig, &who, "rollback", &json!({"to": "1.0.0"})).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(header(&answer, "location"), "/api/context/manifest/versions/4");
    let made: Value = answer.json().await.unwrap();
    assert_eq!((&made["record"]["reason"], &made["record"]["sequence"]), (&json!("rollback"), &json!(4)));
    assert_eq!(made["record"]["checksum"], old["record"]["checksum"]);
    assert_eq!(made["record"]["generated_by"], who.user.to_string());
    let now = rig.json(&who, "manifest?provenance=true").await;
    assert_eq!((&now["content"], &now["record"]), (&old["content"], &made["record"]), "at once");
    assert!(now["provenance"]["/company/name"]["step"].is_string());
    assert_eq!(rig.events("bcm.manifest.rolled_back.v1").await, 1);
    assert_eq!(code(post(&rig, &who, "rollback", &json!({"to": 1})).await).await, "409 BCM-0011", "it is what is current");
    assert_eq!(code(post(&rig, &who, "rollback", &json!({"to": 9})).await).await, "404 BCM-0002");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_goes_back_once() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 2).await;
    let keyed =
        |to: u64| rig.ask(Method::POST, &rig.replica, &who, "rollback").header("Idempotency-Key", "k-1").json(&json!({"to": to})).send();
    let first: Value = keyed(1).await.unwrap().json().await.unwrap();
    let second: Value = keyed(1).await.unwrap().json().await.unwrap();
    assert_eq!(first, second);
    assert_eq!(rig.versions(&who).await, 3);
    assert_eq!(code(keyed(2).await.unwrap()).await, "422 GW-0012");
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_stay_on_a_pinned_version_while_newer_ones_are_made() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 2).await;
    let elsewhere = rig.another_replica(false, &[]);
    assert_eq!(rig.get_from(&elsewhere, &who, "manifest").await.status(), 200);
    let pinned: Value = post(&rig, &who, "pin", &json!({"version": 1})).await.json().await.unwrap();
    assert_eq!(pinned["pinned"], true);
    assert_eq!((&pinned["items"][0]["sequence"], &pinned["items"][1]["sequence"]), (&json!(2), &json!(1)));
    let live = rig.get(&who, "manifest").await;
    assert_eq!(header(&live, "manifest-pinned"), "true");
    eventually("the other replica follows", async || {
        rig.get_from(&elsewhere, &who, "manifest").await.json::<Value>().await.unwrap()["record"]["sequence"] == 1
    })
    .await;
    rig.finalize(&who, 3, &edition(3)).await;
    assert_eq!(sequence(&rig, &who, "manifest").await, 1);
    assert_eq!(sequence(&rig, &who, "manifest?alias=live").await, 1);
    eventually("the newest is there by its name", async || sequence(&rig, &who, "manifest?alias=latest").await == 3).await;
    assert_eq!(rig.json(&who, "freshness").await["version"], "1.0.2", "freshness is that of the newest");

    let unpinned = rig.ask(Method::DELETE, &rig.replica, &who, "pin").send().await.unwrap();
    assert_eq!(unpinned.json::<Value>().await.unwrap()["pinned"], false);
    assert_eq!(sequence(&rig, &who, "manifest").await, 3);
    let again = rig.ask(Method::DELETE, &rig.replica, &who, "pin").send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert!(rig.get(&who, "manifest").await.headers().get("manifest-pinned").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_stands_for_a_version_until_it_is_given_another() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 2).await;
    let put = |version: u64, precondition: (&'static str, &'static str)| {
        let request = rig.ask(Method::PUT, &rig.replica, &who, "aliases/campaign-1").json(&json!({"version": version}));
        request.header(precondition.0, precondition.1).send()
    };
    let set = put(1, ("If-None-Match", "*")).await.unwrap();
    assert_eq!((set.status().as_u16(), header(&set, "etag")), (200, r#""1""#));
    assert_eq!(sequence(&rig, &who, "manifest?alias=campaign-1").await, 1);
    assert_eq!(code(put(2, ("If-None-Match", "*")).await.unwrap()).await, "412 GW-0014");
    assert_eq!(code(put(2, ("If-Match", r#""7""#)).await.unwrap()).await, "412 GW-0014");
    assert_eq!(code(put(2, ("If-Match", "1")).await.unwrap()).await, "400 GW-0021");
    let moved = put(2, ("If-Match", r#""1""#)).await.unwrap();
    assert_eq!(header(&moved, "etag"), r#""2""#);
    assert_eq!(sequence(&rig, &who, "manifest?alias=campaign-1").await, 2);
    let names = rig.json(&who, "aliases").await;
    assert_eq!(names["items"][2]["alias"], "campaign-1");
    assert_eq!((&names["items"][2]["revision"], &names["items"][2]["updated_by"]), (&json!(2), &json!(who.user.to_string())));

    let remove = || rig.ask(Method::DELETE, &rig.replica, &who, "aliases/campaign-1").send();
    assert_eq!(remove().await.unwrap().status(), 204);
    assert_eq!(remove().await.unwrap().status(), 204, "it is gone");
    assert_eq!(code(rig.get(&who, "manifest?alias=campaign-1").await).await, "404 BCM-0002");
    for name in ["latest", "live", "Upper", "1st"] {
        let refused =
            rig.ask(Method::PUT, &rig.replica, &who, &format!("aliases/{name}")).json(&json!({"version": 1})).send().await.unwrap();
        assert_eq!(code(refused).await, "422 GW-0006", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_and_admins_with_a_subscription_change_what_is_read() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    for number in 1..=2 {
        rig.finalize(&who, number, &edition(number)).await;
    }
    let (member, stranger) = (rig.member(&who, "member").await, rig.person().await);
    let acts = [
        (Method::POST, "rollback", json!({"to": 1})),
        (Method::POST, "pin", json!({"version": 1})),
        (Method::DELETE, "pin", json!(null)),
        (Method::PUT, "aliases/a", json!({"version": 1})),
        (Method::DELETE, "aliases/a", json!(null)),
    ];
    for (method, path, body) in acts {
        let ask = async |person: &Person| {
            let request = rig.ask(method.clone(), &rig.replica, person, path);
            let request = if body.is_null() { request } else { request.json(&body) };
            code(request.send().await.unwrap()).await
        };
        assert_eq!(ask(&member).await, "403 GW-0005", "{path}");
        assert_eq!(ask(&who).await, "402 BCM-0004", "{path}");
        let outsider = Person { workspace: who.workspace, ..stranger.clone() };
        assert_eq!(ask(&outsider).await, "404 GW-0002", "{path}");
    }
    assert_eq!(rig.versions(&who).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_keeps_the_last_fifty_the_pinned_and_the_named() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 1).await;
    rig.admin(
        "insert into bcm.business_context_manifests (workspace_id, sequence, version, checksum, content, record, provenance, context_number, \
           context_sha256, reducer_version, policy, reason, created_at) \
         select workspace_id, n, '1.0.' || n, checksum, content, jsonb_set(record, '{sequence}', to_jsonb(n)), provenance, context_number, \
           context_sha256, reducer_version, policy, reason, created_at \
         from bcm.business_context_manifests, generate_series(2, 60) n; \
         update bcm.business_context_manifests set created_at = now() - interval '400 days'; \
         update bcm.manifest_head set sequence = 60, version = '1.0.60', pinned_sequence = 3;",
    )
    .await;
    let named = rig.ask(Method::PUT, &rig.replica, &who, "aliases/kept").json(&json!({"version": 5})).send().await.unwrap();
    assert_eq!(named.status(), 200);
    rig.admin("set role bcm_svc; set search_path = bcm; select drop_old_versions(50, now() - interval '401 days', 500)").await;
    assert_eq!(rig.versions(&who).await, 60, "none is old enough");
    let worker = rig.another_replica(true, &[]);
    eventually("old versions are removed", async || rig.versions(&who).await == 52).await;
    let left = "select count(*) from bcm.business_context_manifests where sequence in (3, 5) or sequence > 10";
    assert_eq!(rig.database.number(left).await, 52);
    assert!((worker.metric("bcm_versions_removed_total").await - 8.0).abs() < f64::EPSILON);
    assert_eq!(rig.database.number("select count(*) from bcm.source_context").await, 1, "its context is still used");

    rig.admin("update bcm.business_context_manifests set created_at = timestamptz '2020-01-01 00:00:00+00' + sequence * interval '1 day'")
        .await;
    assert_eq!(sequence(&rig, &who, "manifest?as_of=2020-01-25T12:00:00Z").await, 24);
    assert_eq!(sequence(&rig, &who, "manifest?as_of=2999-01-01T00:00:00Z").await, 60);
    let removed = rig.get(&who, "manifest?as_of=2020-01-08T12:00:00Z").await;
    assert_eq!(code(removed).await, "404 BCM-0002", "the seventh was the newest then, and the fifth is not given for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_pinned_or_named_cannot_be_deleted_by_the_runtime_role() {
    let rig = Rig::new().await;
    let who = with_versions(&rig, 2).await;
    assert_eq!(post(&rig, &who, "pin", &json!({"version": 1})).await.status(), 200);
    let mut service = rig.service().await;
    assert!(service.batch_execute("delete from business_context_manifests where sequence = 1").await.is_err());
    assert!(service.batch_execute("select drop_old_versions(0, now(), 10)").await.is_err(), "the current one is always kept");
}
