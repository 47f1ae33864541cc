//! Making the manifest again.

use domain::subscription::SubscriptionState;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, acme, code, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_of_the_same_answers_changes_nothing_and_the_next_one_waits_an_hour() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let answer = rig.rebuild(&who, &json!({"reason": "to be sure"})).await;
    assert_eq!(answer.status(), 202);
    let location = header(&answer, "location").to_owned();
    let job: Value = answer.json().await.unwrap();
    assert_eq!(location, format!("/api/context/rebuild/{}", job["id"].as_str().unwrap()));
    let ended = rig.finished(&who, &job).await;
    assert_eq!((&ended["state"], &ended["reason"]), (&json!("succeeded"), &json!("to be sure")));
    assert_eq!((&ended["result"]["outcome"], &ended["result"]["version"]), (&json!("unchanged"), &json!("1.0.0")));
    assert_eq!(rig.versions(&who).await, 1);
    assert_eq!(rig.events("bcm.manifest.generated.v1").await, 1, "nothing happened, so nothing is told");

    let refused = rig.rebuild(&who, &json!({})).await;
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "BCM-0003");
    assert!(problem["available_at"].as_str().unwrap().ends_with('Z'));

    let forced = rig.rebuild(&who, &json!({"force": true})).await;
    assert_eq!(forced.status(), 202);
    let forced: Value = forced.json().await.unwrap();
    assert_eq!(rig.finished(&who, &forced).await["state"], "succeeded");
    rig.admin("update bcm.rebuild_job set created_at = created_at - interval '61 minutes'").await;
    assert_eq!(rig.rebuild(&who, &json!({})).await.status(), 202, "an hour later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_under_another_policy_makes_a_version_with_the_job_as_its_cause() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    drop_workers(&rig).await;
    let smaller = rig.another_replica(true, &[("GROUNDWORK__BCM__MANIFEST__POLICY", "cl100k/300")]);
    let answer = rig.ask(Method::POST, &smaller, &who, "rebuild").json(&json!({})).send().await.unwrap();
    let job: Value = answer.json().await.unwrap();
    crate::rig::eventually("the job ends", async || {
        let path = format!("rebuild/{}", job["id"].as_str().unwrap());
        rig.get_from(&smaller, &who, &path).await.json::<Value>().await.unwrap()["state"] == "succeeded"
    })
    .await;
    let manifest: Value = rig.get_from(&smaller, &who, "manifest").await.json().await.unwrap();
    assert_eq!((&manifest["record"]["reason"], &manifest["record"]["sequence"]), (&json!("rebuild"), &json!(2)));
    assert!(manifest["record"]["meta"]["token_count"].as_u64().unwrap() <= 300);
    let cause = format!("select count(*) from bcm.business_context_manifests where cause_id = '{}'", job["id"].as_str().unwrap());
    assert_eq!(rig.database.number(&cause).await, 1);
    assert_eq!(rig.events("bcm.manifest.generated.v1").await, 2);
}

/// Lets the first replica finish, so that only the one under test takes jobs.
async fn drop_workers(rig: &Rig) {
    rig.replica.drain();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_needs_an_entitlement_and_reading_does_not() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    assert_eq!(code(rig.rebuild(&who, &json!({})).await).await, "402 BCM-0004");
    rig.subscribe(&who, SubscriptionState::Expired, 5).await;
    rig.subscribe(&who, SubscriptionState::Active, 4).await;
    assert_eq!(code(rig.rebuild(&who, &json!({})).await).await, "402 BCM-0004", "an older state does not come back");
    assert_eq!(rig.get(&who, "manifest").await.status(), 200);
    rig.subscribe(&who, SubscriptionState::Active, 6).await;
    assert_eq!(rig.rebuild(&who, &json!({})).await.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_finalized_answers_there_is_nothing_to_rebuild() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.subscribe(&who, SubscriptionState::Trialing, 1).await;
    assert_eq!(code(rig.rebuild(&who, &json!({})).await).await, "409 BCM-0006");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_rebuild_and_members_do_not() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let (admin, member) = (rig.member(&who, "admin").await, rig.member(&who, "member").await);
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    assert_eq!(code(rig.rebuild(&member, &json!({})).await).await, "403 GW-0005");
    let job = rig.rebuild(&admin, &json!({})).await;
    assert_eq!(job.status(), 202);
    let job: Value = job.json().await.unwrap();
    assert_eq!(rig.finished(&member, &job).await["requested_by"], admin.user.to_string(), "members may look");
    let stranger = rig.person().await;
    let path = format!("rebuild/{}", job["id"].as_str().unwrap());
    assert_eq!(code(rig.get(&stranger, &path).await).await, "404 BCM-0007");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_job_and_another_body_is_refused() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let keyed = |body: Value| rig.ask(Method::POST, &rig.replica, &who, "rebuild").header("Idempotency-Key", "k-1").json(&body).send();
    let first: Value = keyed(json!({"reason": "a"})).await.unwrap().json().await.unwrap();
    rig.finished(&who, &first).await;
    let second = keyed(json!({"reason": "a"})).await.unwrap();
    assert_eq!(second.status(), 202, "not refused by the hour: it is the same request");
    let second: Value = second.json().await.unwrap();
    assert_eq!((&second["id"], &second["state"]), (&first["id"], &json!("succeeded")), "with its present state");
    assert_eq!(code(keyed(json!({"reason": "b"})).await.unwrap()).await, "422 GW-0012");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_start_one_job() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let other_policy = rig.another_replica(true, &[("GROUNDWORK__BCM__MANIFEST__POLICY", "cl100k/600")]);
    let replicas = [&rig.replica, &other_policy];
    let ask = |n: usize| rig.ask(Method::POST, replicas[n % 2], &who, "rebuild").json(&json!({})).send();
    let answers = futures_util::future::join_all((0..50).map(ask)).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    // Those that find no connection in time are told to come back; nobody is told anything else.
    assert!(statuses.iter().all(|status| [202, 429, 503].contains(status)), "{statuses:?}");
    let queued = statuses.iter().filter(|status| **status == 202).count();
    assert!((1..=40).contains(&queued), "thirty at once, and one more in two seconds: {statuses:?}");
    assert_eq!(rig.database.number("select count(*) from bcm.rebuild_job").await, 1);
    let ended = "select count(*) from bcm.rebuild_job where state = 'succeeded'";
    crate::rig::eventually("the job ends", async || rig.database.number(ended).await == 1).await;
    assert!(rig.versions(&who).await <= 2, "one new version or none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_runner_is_gone_is_taken_up_by_another() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let job = "0199aaaa-0000-7000-8000-000000000001";
    rig.admin(&format!(
        "insert into bcm.rebuild_job (id, workspace_id, state, reason, requested_by, attempts, lease_until) \
         values ('{job}', '{}', 'running', '', '{}', 1, now() + interval '2 seconds')",
        who.workspace, who.user
    ))
    .await;
    assert_eq!(rig.json(&who, &format!("rebuild/{job}")).await["state"], "running");
    assert_eq!(rig.finished(&who, &json!({"id": job})).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_refused_with_a_problem() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let post = |body: &'static str, kind: &'static str| {
        rig.ask(Method::POST, &rig.replica, &who, "rebuild").header("Content-Type", kind).body(body).send()
    };
    for (body, kind, problem) in [
        ("{", "application/json", "400 GW-0007"),
        (r#"{"force": "yes"}"#, "application/json", "422 GW-0006"),
        (r#"{"unknown": 1}"#, "application/json", "422 GW-0006"),
        (r#"{"reason": "a\u0000b"}"#, "application/json", "422 GW-0006"),
        ("{}", "text/plain", "415 GW-0008"),
    ] {
        assert_eq!(code(post(body, kind).await.unwrap()).await, problem, "{body}");
    }
    let long = json!({"reason": "x".repeat(201)});
    assert_eq!(code(rig.rebuild(&who, &long).await).await, "422 GW-0006");
    let bad_key = rig.ask(Method::POST, &rig.replica, &who, "rebuild").header("Idempotency-Key", "a b").json(&json!({}));
    assert_eq!(code(bad_key.send().await.unwrap()).await, "400 GW-0027");
}
