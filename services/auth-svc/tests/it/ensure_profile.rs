//! Provisioning on request.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::issue_token;
use uuid::Uuid;

use crate::rig::Rig;

const PATH: &str = "/api/auth/ensure-profile";

#[tokio::test(flavor = "multi_thread")]
async fn twenty_parallel_calls_make_one_workspace_and_tell_of_it_once() {
    let rig = Rig::start().await;
    // A user of another provider: no trigger has ever run.
    let token = issue_token(Uuid::now_v7(), "new@example.test", TimeDelta::hours(1));
    let answers = join_all((0..20).map(|_| rig.send(Method::POST, PATH, Some(&token), None))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let workspace = answers[0].text("/workspace/id");
    assert!(answers.iter().all(|answer| answer.text("/workspace/id") == workspace && answer.text("/workspace/role") == "owner"));
    assert_eq!(answers.iter().filter(|answer| answer.body["created"] == true).count(), 1);
    let count = async |sql: &str| rig.database.number(&format!("select count(*) from identity.{sql}")).await;
    assert_eq!(count("workspaces").await, 1);
    assert_eq!(count("memberships").await, 1);
    assert_eq!(count("outbox where event_type = 'identity.workspace.provisioned.v1'").await, 1);
    assert_eq!(count("audit_log where action = 'workspace.provision'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sign_up_made_is_found_and_not_made_again() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    let ensured = rig.send(Method::POST, PATH, Some(&token), Some(&json!({}))).await;
    assert_eq!((ensured.status.as_u16(), &ensured.body["created"]), (200, &json!(false)), "{ensured:?}");
    assert_eq!(ensured.body["profile"]["user_id"], session.body["user"]["id"]);
    assert_eq!(ensured.body["profile"]["onboarding_status"], "pending");
    assert_eq!(rig.database.number("select count(*) from identity.workspaces").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_welcomed_by_mail_once() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (token, email) = (session.text("/access_token"), session.text("/user/email"));
    assert_eq!(rig.mails_to(&email).await, 0);
    let answers = join_all((0..4).map(|_| rig.send(Method::POST, PATH, Some(&token), None))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(rig.mails_to(&email).await, 1);
    rig.run("delete from identity.mail_outbox").await;
    rig.send(Method::POST, PATH, Some(&token), None).await;
    assert_eq!(rig.mails_to(&email).await, 0, "welcomed before, whatever is left of the mail");
    // Nobody without an address is written to.
    let nobody = issue_token(Uuid::now_v7(), "", TimeDelta::hours(1));
    assert_eq!(rig.send(Method::POST, PATH, Some(&nobody), None).await.status, 200);
    assert_eq!(rig.database.number("select count(*) from identity.mail_outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_is_the_wish_of_the_body_and_the_rest_is_the_tokens() {
    let rig = Rig::start().await;
    let token = issue_token(Uuid::now_v7(), "Bo@example.test", TimeDelta::hours(1));
    let ensured = rig.send(Method::POST, PATH, Some(&token), Some(&json!({"name": "Bo"}))).await;
    assert_eq!(ensured.text("/workspace/name"), "Bo's workspace");
    assert_eq!(ensured.text("/profile/email"), "bo@example.test");
    let refused = rig.send(Method::POST, PATH, Some(&token), Some(&json!({"email": "root@example.test"}))).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_membership_heals() {
    let rig = Rig::start().await;
    let person = testkit::person(&rig.database).await;
    let mut admin = rig.database.admin().await;
    diesel_async::RunQueryDsl::execute(diesel::sql_query("delete from identity.memberships"), &mut admin).await.unwrap();
    let healed = rig.send(Method::POST, PATH, Some(&person.token), None).await;
    assert_eq!(healed.text("/workspace/id"), person.workspace.to_string());
    assert_eq!(healed.text("/workspace/role"), "owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_cannot_be_provisioned_is_noted_for_repair() {
    let rig = Rig::start().await;
    let mut admin = rig.database.admin().await;
    let broken = "alter table identity.workspaces add constraint broken check (name = 'never') not valid";
    diesel_async::RunQueryDsl::execute(diesel::sql_query(broken), &mut admin).await.unwrap();
    let token = issue_token(Uuid::now_v7(), "c@example.test", TimeDelta::hours(1));
    let refused = rig.send(Method::POST, PATH, Some(&token), None).await;
    assert_eq!((refused.status.as_u16(), refused.text("/code")), (503, "AUTH-0002".to_owned()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(rig.database.number("select count(*) from identity.user_repair where repaired_at is null").await, 1);
}
