//! Sessions whose refresh token no script can read (`X-Session-Mode: cookie`).

use serde_json::{Value, json};

use crate::rig::{Answer, PASSWORD, Rig, answer, client};

const NAME: &str = "groundwork-refresh=";

async fn ask(rig: &Rig, path: &str, cookie: Option<&str>, body: Value) -> Answer {
    let mut request = client().post(format!("{}{path}", rig.running.url)).header("x-session-mode", "cookie").json(&body);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    answer(request).await
}

/// The cookie as a browser sends it back.
fn kept(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    assert!(cookie.starts_with(NAME) && cookie.contains("; HttpOnly; SameSite=Strict; Path=/auth/v1"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refresh_token_is_in_the_cookie_alone_and_the_cookie_refreshes() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    let signed_in = ask(&rig, "/auth/v1/token?grant_type=password", None, json!({"email": email, "password": PASSWORD})).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert!(signed_in.body.get("refresh_token").is_none());
    let first = kept(&signed_in);
    let refreshed = ask(&rig, "/auth/v1/token?grant_type=refresh_token", Some(&first), json!({})).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let second = kept(&refreshed);
    assert_ne!(first, second);
    assert!(refreshed.body.get("refresh_token").is_none());
    // Without the header, which no other site can set, the cookie is nothing.
    let bare =
        client().post(format!("{}/auth/v1/token?grant_type=refresh_token", rig.running.url)).header("cookie", &second).json(&json!({}));
    assert_eq!(answer(bare).await.error_code(), "validation_failed");
    let out = client()
        .post(format!("{}/auth/v1/logout", rig.running.url))
        .header("x-session-mode", "cookie")
        .bearer_auth(refreshed.text("/access_token"));
    let out = answer(out).await;
    assert_eq!(out.status, 204);
    assert!(
        out.header("set-cookie").unwrap().starts_with("groundwork-refresh=;") && out.header("set-cookie").unwrap().contains("Max-Age=0")
    );
    let over = ask(&rig, "/auth/v1/token?grant_type=refresh_token", Some(&second), json!({})).await;
    assert_eq!((over.status.as_u16(), over.error_code()), (400, "refresh_token_not_found"));
    assert!(over.header("set-cookie").unwrap().contains("Max-Age=0"), "a dead cookie is taken away: {over:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_keep_their_tokens_get_no_cookie() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    assert!(session.header("set-cookie").is_none());
    assert!(rig.refresh(&session.text("/refresh_token")).await.header("set-cookie").is_none());
}
