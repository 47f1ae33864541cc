//! What people get of their own data, and the end of their accounts.

use auth_svc::provider::deletion;
use reqwest::Method;
use service_kit::Service;

use crate::rig::{PASSWORD, Rig};

const DELETION: &str = "/api/auth/account/deletion";

/// Lets the grace period pass and the job run; whose account ended.
async fn end_next(rig: &Rig) -> Option<String> {
    rig.run("update identity.account_deletion set due_at = now() - interval '1 second'").await;
    let app = rig.app();
    let ended = deletion::end_next(app.kit(), app.embedded().unwrap()).await.unwrap();
    ended.map(|user| user.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_all_that_is_known_of_them_and_nothing_of_others() {
    let rig = Rig::start().await;
    let (ann, other) = (rig.sign_up().await, rig.sign_up().await);
    let token = ann.text("/access_token");
    rig.send(Method::POST, "/api/auth/ensure-profile", Some(&token), None).await;
    let export = rig.get("/api/auth/account/export", &token).await;
    assert_eq!(export.status, 200, "{export:?}");
    assert!(export.header("content-disposition").unwrap().starts_with("attachment; filename=\"groundwork-account-20"));
    assert_eq!(export.text("/account/email"), ann.text("/user/email"));
    assert_eq!(export.text("/profile/user_id"), ann.text("/user/id"));
    assert_eq!(export.text("/workspaces/0/role"), "owner");
    assert_eq!(export.body["sessions"].as_array().unwrap().len(), 1);
    assert!(export.body["activity"].to_string().contains("user.sign_up"), "{export:?}");
    let text = export.body.to_string();
    for foreign in [other.text("/user/email"), other.text("/user/id")] {
        assert!(!text.contains(&foreign), "{foreign}");
    }
    for secret in ["argon2", "hmac", "token_hash", "encrypted_password"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_ends_after_its_grace_period_with_everything_that_only_its_owner_had() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (id, email, token) = (session.text("/user/id"), session.text("/user/email"), session.text("/access_token"));
    assert_eq!(rig.get(DELETION, &token).await.status, 404);
    let asked = rig.send(Method::POST, DELETION, Some(&token), None).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let again = rig.send(Method::POST, DELETION, Some(&token), None).await;
    assert_eq!(again.body, asked.body, "asking again changes nothing");
    assert_eq!(rig.get(DELETION, &token).await.body, asked.body);
    assert_eq!(rig.mails_to(&email).await, 1);
    assert_eq!(rig.sign_in(&email, PASSWORD).await.status, 200, "nothing has happened yet");
    let made = rig.send(Method::POST, "/api/auth/workspaces", Some(&token), Some(&serde_json::json!({"name": "New"}))).await;
    assert_eq!((made.status.as_u16(), made.text("/code")), (409, "AUTH-0011".into()));

    assert_eq!(end_next(&rig).await, Some(id.clone()));
    assert_eq!(end_next(&rig).await, None);
    assert_eq!(rig.sign_in(&email, PASSWORD).await.status, 400);
    assert_eq!(rig.get("/auth/v1/user", &token).await.status, 403);
    let left = format!("select count(*) from auth.users where id = '{id}' and email is null and encrypted_password is null");
    assert_eq!(rig.database.number(&left).await, 1, "the id alone");
    let told = "select count(*) from identity.outbox where event_type = 'identity.workspace.deleted.v1'";
    assert_eq!(rig.database.number(told).await, 1);
    let names = "select count(*) from identity.workspaces where name <> 'Deleted' or slug not like 'deleted-%'";
    assert_eq!(rig.database.number(names).await, 0);
    assert_eq!(rig.mails_to(&email).await, 2, "the owner is told of the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_taken_back() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (email, token) = (session.text("/user/email"), session.text("/access_token"));
    assert_eq!(rig.send(Method::DELETE, DELETION, Some(&token), None).await.status, 404);
    rig.send(Method::POST, DELETION, Some(&token), None).await;
    assert_eq!(rig.send(Method::DELETE, DELETION, Some(&token), None).await.status, 204);
    assert_eq!(rig.get(DELETION, &token).await.status, 404);
    assert_eq!(end_next(&rig).await, None);
    assert_eq!(rig.sign_in(&email, PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_ended_only_by_somebody_who_has_just_signed_in_and_leaves_no_workspace_without_an_owner() {
    let rig = Rig::start().await;
    let (session, member) = (rig.sign_up().await, rig.sign_up().await);
    let (id, token) = (session.text("/user/id"), session.text("/access_token"));
    let grow_old = "update identity.session set amr = jsonb_set(amr, '{0,timestamp}', to_jsonb(extract(epoch from now())::bigint - 1000))";
    rig.run(grow_old).await;
    let old = rig.send(Method::POST, DELETION, Some(&token), None).await;
    assert_eq!((old.status.as_u16(), old.text("/code")), (403, "AUTH-0010".into()));

    let token = rig.sign_in(&session.text("/user/email"), PASSWORD).await.text("/access_token");
    let join = "insert into identity.memberships (workspace_id, user_id, role) \
                select id, 'MEMBER', 'member' from identity.workspaces where owner_id = 'OWNER'";
    let join = join.replace("MEMBER", &member.text("/user/id")).replace("OWNER", &id);
    rig.run(&join).await;
    let owns = rig.send(Method::POST, DELETION, Some(&token), None).await;
    assert_eq!((owns.status.as_u16(), owns.text("/code")), (409, "AUTH-0003".into()));

    // Somebody came in the grace period: the account waits for the workspace to be handed over.
    rig.run("delete from identity.memberships where role = 'member'").await;
    assert_eq!(rig.send(Method::POST, DELETION, Some(&token), None).await.status, 202);
    rig.run(&join).await;
    assert_eq!(end_next(&rig).await, Some(id.clone()));
    let waits = "select count(*) from identity.account_deletion where due_at > now() + interval '23 hours'";
    assert_eq!(rig.database.number(waits).await, 1);
    assert_eq!(rig.get("/auth/v1/user", &token).await.status, 200);
}
