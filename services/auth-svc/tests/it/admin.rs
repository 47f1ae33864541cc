//! Managing accounts with a secret key.

use auth_svc::jobs::{self, Turn};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Answer, PASSWORD, Rig};

const USERS: &str = "/auth/v1/admin/users";
const OTHER_PASSWORD: &str = "an entirely new one";
const LEGACY: (&str, &str) = ("GROUNDWORK__AUTH__JWT_SECRET", "a-legacy-secret-of-a-project-0123456789");

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (status, code), "{answer:?}");
}

struct Admin {
    rig: Rig,
    key: String,
}

impl Admin {
    async fn start() -> Self {
        let rig = Rig::start_confirming().await;
        let (_, key) = rig.service_key().await;
        Self { rig, key }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = Some(&body).filter(|body| !body.is_null());
        self.rig.send(method, path, Some(&self.key), body).await
    }

    /// A confirmed account.
    async fn make(&self, email: &str) -> String {
        let made = self.ask(Method::POST, USERS, json!({"email": email, "password": PASSWORD, "email_confirm": true})).await;
        assert_eq!(made.status, 200, "{made:?}");
        made.text("/id")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_living_secret_key_manages_accounts() {
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), LEGACY]).await;
    let session = rig.sign_up().await;
    let (id, key) = rig.service_key().await;
    assert_eq!(rig.get(USERS, &key).await.status, 200);
    refused(&rig.send(Method::GET, USERS, None, None).await, 401, "no_authorization");
    refused(&rig.get(USERS, &session.text("/access_token")).await, 403, "not_admin");
    for noise in ["noise", "sb_secret_", "sb_publishable_x", &format!("{key}x"), &key[..key.len() - 1]] {
        refused(&rig.get(USERS, noise).await, 403, "bad_jwt");
    }
    let legacy = |role: &str, secret: &str| {
        let (header, secret) = (jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256), secret.as_bytes());
        jsonwebtoken::encode(&header, &json!({"role": role}), &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
    };
    assert_eq!(rig.get(USERS, &legacy("service_role", LEGACY.1)).await.status, 200);
    refused(&rig.get(USERS, &legacy("anon", LEGACY.1)).await, 403, "not_admin");
    refused(&rig.get(USERS, &legacy("service_role", "another-secret-of-a-project-0123456789")).await, 403, "bad_jwt");
    // A key opens nothing that is a user's.
    assert_eq!(rig.get("/api/auth/verify-profile", &key).await.status, 401);
    refused(&rig.get("/auth/v1/user", &key).await, 403, "bad_jwt");

    let listed = rig.console(&["service-keys", "list", "--json"], &[]).await.unwrap();
    assert!(listed.contains(&id) && !listed.contains(&key) && listed.contains("\"last_used_at\":\"20"), "{listed}");
    assert!(rig.console(&["service-keys", "revoke", &id, "--why", " "], &[]).await.unwrap_err().contains("say why"));
    rig.console(&["service-keys", "revoke", &id, "--why", "leaked"], &[]).await.unwrap();
    refused(&rig.get(USERS, &key).await, 403, "bad_jwt");
    assert!(rig.console(&["service-keys", "revoke", &id, "--why", "again"], &[]).await.unwrap_err().contains("no living key"));
    let audited = "select count(*) from identity.audit_log where action in ('service_key.create', 'service_key.revoke')";
    assert_eq!(rig.database.number(audited).await, 2);
    let stored = format!("select count(*) from identity.service_key where key_hash = '{key}'::bytea");
    assert_eq!(rig.database.number(&stored).await, 0, "the key itself is stored nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_read_changed_and_listed() {
    let admin = Admin::start().await;
    let body = json!({
        "email": "Ann@Example.test", "password": PASSWORD, "email_confirm": true,
        "user_metadata": {"name": "Ann", "email": "forged@example.test"}, "app_metadata": {"team": "red", "provider": "forged", "groundwork_role": "operator"},
    });
    let made = admin.ask(Method::POST, USERS, body.clone()).await;
    assert_eq!((made.status.as_u16(), made.text("/email")), (200, "ann@example.test".to_owned()), "{made:?}");
    assert_eq!((&made.body["app_metadata"]["provider"], &made.body["app_metadata"]["team"]), (&json!("email"), &json!("red")));
    assert!(made.body["app_metadata"].get("groundwork_role").is_none(), "operators are made by command only");
    assert_eq!(made.body["user_metadata"]["email"], "ann@example.test");
    refused(&admin.ask(Method::POST, USERS, body).await, 422, "email_exists");
    let id = made.text("/id");
    refused(&admin.ask(Method::POST, USERS, json!({"id": id, "email": "b@example.test"})).await, 422, "user_already_exists");
    refused(&admin.ask(Method::POST, USERS, json!({"email": "nobody"})).await, 400, "validation_failed");
    refused(&admin.ask(Method::POST, USERS, json!({"email": "b@example.test", "password": "password1"})).await, 422, "weak_password");
    refused(&admin.ask(Method::POST, USERS, json!({"email": "b@example.test", "ban_duration": "soon"})).await, 400, "validation_failed");

    let session = admin.rig.sign_in("ann@example.test", PASSWORD).await;
    assert_eq!(session.status, 200, "{session:?}");
    let one = format!("{USERS}/{id}");
    let changed = admin.ask(Method::PUT, &one, json!({"user_metadata": {"name": null, "age": 30}, "password": OTHER_PASSWORD})).await;
    assert_eq!((changed.status.as_u16(), &changed.body["user_metadata"]["age"]), (200, &json!(30)), "{changed:?}");
    assert!(changed.body["user_metadata"].get("name").is_none());
    refused(&admin.rig.refresh(&session.text("/refresh_token")).await, 400, "refresh_token_not_found");
    refused(&admin.rig.sign_in("ann@example.test", PASSWORD).await, 400, "invalid_credentials");

    let session = admin.rig.sign_in("ann@example.test", OTHER_PASSWORD).await;
    admin.ask(Method::PUT, &one, json!({"ban_duration": "24h"})).await;
    refused(&admin.rig.get("/auth/v1/user", &session.text("/access_token")).await, 403, "user_banned");
    refused(&admin.rig.sign_in("ann@example.test", OTHER_PASSWORD).await, 400, "user_banned");
    admin.ask(Method::PUT, &one, json!({"ban_duration": "none", "email": "ann@else.test"})).await;
    assert_eq!(admin.rig.sign_in("ann@else.test", OTHER_PASSWORD).await.status, 200);
    assert_eq!(admin.rig.database.text("select email as value from identity.profiles").await.as_deref(), Some("ann@else.test"));
    assert_eq!(admin.rig.mails_to("ann@example.test").await, 2, "the owner is told of the password and of the address");

    admin.make("b@example.test").await;
    let listed = admin.ask(Method::GET, &format!("{USERS}?page=1&per_page=1"), Value::Null).await;
    assert_eq!(listed.text("/users/0/email"), "b@example.test", "the newest first");
    assert_eq!(listed.header("x-total-count"), Some("2"));
    assert!(listed.header("link").unwrap().starts_with("</admin/users?page=2&per_page=1>; rel=\"next\""), "{listed:?}");
    refused(&admin.ask(Method::GET, &format!("{USERS}?page=0"), Value::Null).await, 400, "validation_failed");
    refused(&admin.ask(Method::GET, &format!("{USERS}/me"), Value::Null).await, 404, "validation_failed");
    refused(&admin.ask(Method::GET, &format!("{USERS}/{}", Uuid::now_v7()), Value::Null).await, 404, "user_not_found");
    let audited = format!(
        "select count(*) from identity.audit_log where resource = 'user/{id}' and action like 'admin.%' and detail ? 'service_key'"
    );
    assert_eq!(admin.rig.database.number(&audited).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_account_leaves_nothing_of_the_person_and_its_address_is_free() {
    let admin = Admin::start().await;
    let id = admin.make("ann@example.test").await;
    let session = admin.rig.sign_in("ann@example.test", PASSWORD).await;
    let token = session.text("/access_token");
    admin.rig.put_user(&token, json!({"data": {"name": "Ann"}})).await;
    admin.rig.run(&format!("insert into identity.user_repair (user_id, reason) values ('{id}', 'a test')")).await;
    assert_eq!(admin.ask(Method::DELETE, &format!("{USERS}/{id}"), Value::Null).await.status, 200);
    refused(&admin.ask(Method::GET, &format!("{USERS}/{id}"), Value::Null).await, 404, "user_not_found");
    refused(&admin.ask(Method::DELETE, &format!("{USERS}/{id}"), Value::Null).await, 404, "user_not_found");
    refused(&admin.rig.refresh(&session.text("/refresh_token")).await, 400, "refresh_token_not_found");
    assert_eq!(admin.rig.get("/auth/v1/user", &token).await.status, 403);
    assert_eq!(admin.rig.send(Method::POST, "/api/auth/ensure-profile", Some(&token), None).await.status, 401, "nothing is made anew");
    assert_eq!(jobs::repair_one(&admin.rig.app()).await.unwrap(), Turn::Idle, "by the repair neither");
    for (what, sql) in [
        ("the address", "select count(*) from auth.users where email is not null or encrypted_password is not null"),
        ("metadata", "select count(*) from auth.users where raw_user_meta_data <> '{}'"),
        ("a profile", "select count(*) from identity.profiles where email is not null or name <> ''"),
        ("a workspace", "select count(*) from identity.workspaces where deleted_at is null"),
        ("a membership", "select count(*) from identity.memberships"),
    ] {
        assert_eq!(admin.rig.database.number(sql).await, 0, "{what} is left");
    }
    let left = "select count(*) from identity.outbox where event_type = 'identity.member.removed.v1'";
    assert_eq!(admin.rig.database.number(left).await, 1, "the other services are told");
    assert_ne!(admin.make("ann@example.test").await, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_a_workspace_that_others_use_is_handed_over_first() {
    let admin = Admin::start().await;
    let (owner, member) = (admin.make("owner@example.test").await, admin.make("member@example.test").await);
    let join = "insert into identity.memberships (workspace_id, user_id, role) \
                select id, 'MEMBER', 'admin' from identity.workspaces where owner_id = 'OWNER'";
    admin.rig.run(&join.replace("MEMBER", &member).replace("OWNER", &owner)).await;
    refused(&admin.ask(Method::DELETE, &format!("{USERS}/{owner}"), Value::Null).await, 409, "conflict");
    assert_eq!(admin.rig.sign_in("owner@example.test", PASSWORD).await.status, 200, "nothing happened");
    assert_eq!(admin.ask(Method::DELETE, &format!("{USERS}/{member}"), Value::Null).await.status, 200);
    assert_eq!(admin.ask(Method::DELETE, &format!("{USERS}/{owner}"), Value::Null).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_link_opens_what_it_was_made_for_and_no_mail_is_sent() {
    let admin = Admin::start().await;
    let path = "/auth/v1/admin/generate_link";
    admin.make("ann@example.test").await;
    let link = |kind: &str, email: &str| json!({"type": kind, "email": email, "password": PASSWORD, "new_email": format!("new-{email}")});
    for (kind, email, said) in [
        ("signup", "new@example.test", "signup"),
        ("invite", "guest@example.test", "invite"),
        ("magiclink", "nobody@example.test", "signup"),
        ("magiclink", "ann@example.test", "magiclink"),
        ("recovery", "ann@example.test", "recovery"),
    ] {
        let made = admin.ask(Method::POST, path, link(kind, email)).await;
        assert_eq!(
            (made.status.as_u16(), made.text("/verification_type"), made.text("/email")),
            (200, said.into(), email.into()),
            "{made:?}"
        );
        assert!(made.text("/action_link").contains(&format!("/auth/v1/verify?token={}&type={said}", made.text("/hashed_token"))));
        let session = admin.rig.post("/auth/v1/verify", json!({"type": said, "token_hash": made.text("/hashed_token")})).await;
        assert_eq!((session.status.as_u16(), session.text("/user/email")), (200, email.into()), "{session:?}");
        let again = admin.ask(Method::POST, path, link("recovery", email)).await;
        assert_eq!(admin.rig.verify("recovery", email, &again.text("/email_otp")).await.status, 200);
    }
    let mut agreed = Vec::new();
    for kind in ["email_change_current", "email_change_new"] {
        let made = admin.ask(Method::POST, path, link(kind, "ann@example.test")).await;
        assert_eq!(made.text("/verification_type"), kind);
        agreed.push(admin.rig.post("/auth/v1/verify", json!({"type": kind, "token_hash": made.text("/hashed_token")})).await);
    }
    assert_eq!((agreed[0].text("/code"), agreed[1].text("/user/email")), ("200".into(), "new-ann@example.test".into()), "{agreed:?}");
    refused(&admin.ask(Method::POST, path, link("recovery", "stranger@example.test")).await, 404, "user_not_found");
    refused(&admin.ask(Method::POST, path, link("signup", "guest@example.test")).await, 422, "email_exists");
    refused(&admin.ask(Method::POST, path, link("sms", "ann@example.test")).await, 400, "validation_failed");
    assert_eq!(admin.rig.database.number("select count(*) from identity.mail_outbox where purpose_key not like 'notice/%'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_invited_gets_a_mail_that_opens_the_new_account() {
    let admin = Admin::start().await;
    let invited = admin.ask(Method::POST, "/auth/v1/invite", json!({"email": "Guest@example.test", "data": {"name": "Guest"}})).await;
    assert_eq!(invited.status, 200, "{invited:?}");
    assert!(invited.body["invited_at"].is_string());
    let letter = admin.rig.mail_to("guest@example.test").await;
    let session = admin.rig.verify_link(&letter).await;
    assert_eq!((session.status.as_u16(), &session.body["user"]["user_metadata"]["name"]), (200, &json!("Guest")), "{session:?}");
    refused(&admin.ask(Method::POST, "/auth/v1/invite", json!({"email": "guest@example.test"})).await, 422, "email_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_second_factor_is_taken_away() {
    let admin = Admin::start().await;
    let id = admin.make("ann@example.test").await;
    let session = admin.rig.sign_in("ann@example.test", PASSWORD).await;
    let enrolled =
        admin.rig.send(Method::POST, "/auth/v1/factors", Some(&session.text("/access_token")), Some(&json!({"factor_type": "totp"}))).await;
    let factors = format!("{USERS}/{id}/factors");
    let listed = admin.ask(Method::GET, &factors, Value::Null).await;
    assert_eq!(listed.text("/0/id"), enrolled.text("/id"));
    let one = format!("{factors}/{}", enrolled.text("/id"));
    assert_eq!(admin.ask(Method::DELETE, &one, Value::Null).await.text("/id"), enrolled.text("/id"));
    refused(&admin.ask(Method::DELETE, &one, Value::Null).await, 404, "mfa_factor_not_found");
    assert_eq!(admin.ask(Method::GET, &factors, Value::Null).await.body, json!([]));
}
