//! From a sign-up to a sign-out.

use reqwest::Method;
use serde_json::json;

use crate::rig::{PASSWORD, Rig, answer, client};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_is_signed_in_and_provisioned() {
    let rig = Rig::start().await;
    let sent = json!({"email": "Ann@Example.test", "password": PASSWORD, "data": {"name": "Ann"}, "code_challenge": null,
        "gotrue_meta_security": {}});
    let session = rig.post("/auth/v1/signup?redirect_to=x", sent).await;
    assert_eq!(session.status, 200, "{session:?}");
    assert_eq!(session.body["token_type"], "bearer");
    assert_eq!(session.body["expires_in"], 3600);
    assert_eq!(session.header("cache-control"), Some("no-store"));
    let user = rig.get("/auth/v1/user", &session.text("/access_token")).await;
    assert_eq!(user.status, 200, "{user:?}");
    assert_eq!(user.body["id"], session.body["user"]["id"]);
    assert_eq!(user.body["email"], "ann@example.test");
    assert_eq!(user.body["app_metadata"], json!({"provider": "email", "providers": ["email"]}));
    assert_eq!(user.body["user_metadata"]["name"], "Ann");
    assert_eq!(user.body["identities"][0]["identity_data"]["email"], "ann@example.test");
    assert!(user.body["email_confirmed_at"].is_string());
    assert!(user.body.get("password_hash").is_none() && user.body.get("encrypted_password").is_none());
    let sql = "select count(*) from identity.memberships m join identity.workspaces w on w.id = m.workspace_id \
               where m.role = 'owner' and w.name = 'Ann''s workspace'";
    assert_eq!(rig.database.number(sql).await, 1);
    assert_eq!(rig.database.number("select count(*) from identity.audit_log where action = 'user.sign_up'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_has_the_claims_of_supabase_auth_and_verifies_by_the_key_set() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let key_set = rig.get("/auth/v1/.well-known/jwks.json", "sb_publishable_anything").await;
    assert_eq!(key_set.header("cache-control"), Some("public, max-age=600"));
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(key_set.body).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["authenticated"]);
    let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], session.body["user"]["id"]);
    assert_eq!((&claims["role"], &claims["aal"], &claims["phone"]), (&json!("authenticated"), &json!("aal1"), &json!("")));
    assert_eq!(claims["is_anonymous"], false);
    assert_eq!(claims["amr"][0]["method"], "password");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["exp"], session.body["expires_at"]);
    assert!(claims["session_id"].is_string() && claims["iss"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_signs_in_however_it_is_spelled_and_only_with_its_password() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    assert_eq!(rig.sign_in(&email.to_uppercase(), PASSWORD).await.status, 200);
    let wrong = rig.sign_in(&email, "correct horse batterz").await;
    let unknown = rig.sign_in("nobody@example.test", PASSWORD).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.error_code(), "invalid_credentials");
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body), "the answers must not tell who has an account");
    let refused = "select count(*) from identity.audit_log where action = 'user.sign_in' and outcome = 'refused'";
    assert_eq!(rig.database.number(refused).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_and_a_short_password_are_refused() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    let taken = rig.post("/auth/v1/signup", json!({"email": email.to_uppercase(), "password": PASSWORD})).await;
    assert_eq!((taken.status.as_u16(), taken.error_code()), (422, "user_already_exists"));
    assert_eq!(taken.header("x-sb-error-code"), Some("user_already_exists"));
    let short = rig.post("/auth/v1/signup", json!({"email": "b@example.test", "password": "seven77"})).await;
    assert_eq!((short.status.as_u16(), short.error_code()), (422, "weak_password"));
    assert_eq!(short.body["weak_password"]["reasons"], json!(["length"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_shape_that_the_client_asks_for() {
    let rig = Rig::start().await;
    let url = format!("{}/auth/v1/token?grant_type=password", rig.running.url);
    let sent = json!({"email": "nobody@example.test", "password": "whatever"});
    let new = answer(client().post(&url).header("x-supabase-api-version", "2024-01-01").json(&sent)).await;
    assert_eq!(new.body, json!({"code": "invalid_credentials", "message": "Invalid login credentials"}));
    assert_eq!(new.header("x-supabase-api-version"), Some("2024-01-01"));
    for version in ["2023-12-31", "soon", ""] {
        let old = answer(client().post(&url).header("x-supabase-api-version", version).json(&sent)).await;
        assert_eq!(old.body, json!({"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}));
        assert_eq!(old.header("x-supabase-api-version"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_sessions_of_its_scope() {
    let rig = Rig::start().await;
    let first = rig.sign_up().await;
    let email = first.text("/user/email");
    let (second, third) = (rig.sign_in(&email, PASSWORD).await, rig.sign_in(&email, PASSWORD).await);
    let alive = async |session: &crate::rig::Answer| rig.get("/auth/v1/user", &session.text("/access_token")).await.status == 200;
    let sign_out = async |session: &crate::rig::Answer, scope: &str| {
        let path = format!("/auth/v1/logout{scope}");
        rig.send(Method::POST, &path, Some(&session.text("/access_token")), None).await
    };
    assert_eq!(sign_out(&first, "?scope=local").await.status, 204);
    assert_eq!((alive(&first).await, alive(&second).await, alive(&third).await), (false, true, true));
    assert_eq!(rig.refresh(&first.text("/refresh_token")).await.error_code(), "refresh_token_not_found");
    assert_eq!(sign_out(&second, "?scope=others").await.status, 204);
    assert_eq!((alive(&second).await, alive(&third).await), (true, false));
    let fourth = rig.sign_in(&email, PASSWORD).await;
    assert_eq!(sign_out(&fourth, "").await.status, 204);
    assert_eq!((alive(&second).await, alive(&fourth).await), (false, false));
    let dead = rig.get("/auth/v1/user", &fourth.text("/access_token")).await;
    assert_eq!((dead.status.as_u16(), dead.error_code()), (403, "session_not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_shows_only_to_who_has_the_password() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let email = session.text("/user/email");
    let banned = "with banned as (update auth.users set banned_until = now() + interval '1 day' returning 1) select count(*) from banned";
    let mut admin = rig.database.admin().await;
    diesel_async::RunQueryDsl::execute(diesel::sql_query(banned), &mut admin).await.unwrap();
    assert_eq!(rig.sign_in(&email, PASSWORD).await.error_code(), "user_banned");
    assert_eq!(rig.sign_in(&email, "a wrong password").await.error_code(), "invalid_credentials");
    assert_eq!(rig.refresh(&session.text("/refresh_token")).await.error_code(), "user_banned");
    assert_eq!(rig.get("/auth/v1/user", &session.text("/access_token")).await.error_code(), "user_banned");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_can_ask_what_the_provider_offers() {
    let rig = Rig::start().await;
    let settings = rig.get("/auth/v1/settings", "any-api-key").await;
    assert_eq!((&settings.body["external"]["email"], &settings.body["mailer_autoconfirm"]), (&json!(true), &json!(true)));
    assert_eq!(rig.get("/auth/v1/health", "any-api-key").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_external_provider_nobody_signs_up_here() {
    let rig = Rig::start_with(&[("GROUNDWORK__EMBEDDED__ENABLED", "false")]).await;
    let answer = rig.post("/auth/v1/signup", json!({"email": "a@example.test", "password": PASSWORD})).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (404, "feature_disabled"));
    assert_eq!(rig.database.number("select count(*) from auth.users").await, 0);
    assert_eq!(rig.database.number("select count(*) from identity.signing_key").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_where_they_are_signed_in_and_ends_one_of_them() {
    let rig = Rig::start().await;
    let first = rig.sign_up().await;
    let second = rig.sign_in(&first.text("/user/email"), PASSWORD).await;
    let stranger = rig.sign_up().await;
    let token = first.text("/access_token");
    let listed = rig.get("/api/auth/sessions", &token).await;
    let sessions = listed.body.as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed:?}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    assert!(sessions.iter().all(|session| session["ip"] == "127.0.0.1"), "{listed:?}");
    let other = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let path = format!("/api/auth/sessions/{other}");
    let foreign = rig.send(Method::DELETE, &path, Some(&stranger.text("/access_token")), None).await;
    assert_eq!((foreign.status.as_u16(), foreign.text("/code").as_str()), (404, "AUTH-0012"));
    assert_eq!(rig.send(Method::DELETE, &path, Some(&token), None).await.status, 204);
    assert_eq!(rig.refresh(&second.text("/refresh_token")).await.error_code(), "refresh_token_not_found");
    assert_eq!(rig.get("/auth/v1/user", &second.text("/access_token")).await.error_code(), "session_not_found");
    assert_eq!(rig.get("/auth/v1/user", &token).await.status, 200);
}
