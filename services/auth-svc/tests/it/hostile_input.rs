//! Bad input is refused by a status below 500, whatever it is and wherever it is sent.

use reqwest::Method;
use serde_json::json;

use crate::rig::{Answer, PASSWORD, Rig, answer, client};

const POSTS: [&str; 5] = [
    "/auth/v1/signup",
    "/auth/v1/token?grant_type=password",
    "/auth/v1/token?grant_type=refresh_token",
    "/auth/v1/logout",
    "/api/auth/ensure-profile",
];

fn assert_refused(answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {answer:?}");
    assert!(answer.body.is_object(), "{what} is answered without a JSON body");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bodies_are_refused() {
    let rig = Rig::start().await;
    let token = rig.sign_up().await.text("/access_token");
    let deep = "[".repeat(100_000);
    let bodies: [(&str, &[u8]); 10] = [
        ("cut", b"{\"email\": "),
        ("not UTF-8", b"{\"email\": \"\xff\xfe\"}"),
        ("an array", b"[1, 2, 3]"),
        ("a number", b"7"),
        ("null", b"null"),
        ("wrong types", br#"{"email": 1, "password": [], "refresh_token": {}, "name": 5, "data": "x"}"#),
        ("NUL characters", br#"{"email": "a\u0000@b.c", "password": "long enough", "refresh_token": "\u0000", "name": "\u0000"}"#),
        (
            "NUL in metadata",
            br#"{"email": "a@b.c", "password": "long enough", "data": {"a": "\u0000"}, "refresh_token": "x", "name": "\u0000"}"#,
        ),
        ("deep nesting", deep.as_bytes()),
        ("two documents", br"{}{}"),
    ];
    for path in POSTS.into_iter().filter(|path| !path.ends_with("logout")) {
        for (what, body) in bodies {
            let request = client().post(format!("{}{path}", rig.running.url)).bearer_auth(&token);
            let answered = answer(request.header("content-type", "application/json").body(body.to_vec())).await;
            assert_refused(&answered, &format!("{what} at {path}"));
        }
        let large = answer(
            client()
                .post(format!("{}{path}", rig.running.url))
                .bearer_auth(&token)
                .header("content-type", "application/json")
                .body(vec![b' '; 300_000]),
        )
        .await;
        assert_eq!(large.status, 413, "{path}: {large:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_content_type_is_refused() {
    let rig = Rig::start().await;
    let token = rig.sign_up().await.text("/access_token");
    for path in POSTS.into_iter().filter(|path| !path.ends_with("logout")) {
        let request = client().post(format!("{}{path}", rig.running.url)).bearer_auth(&token);
        let answered =
            answer(request.header("content-type", "application/x-www-form-urlencoded").body("email=a%40b.c&password=long+enough")).await;
        assert_refused(&answered, path);
    }
    let request = client().post(format!("{}/api/auth/ensure-profile", rig.running.url)).bearer_auth(&token);
    let answered = answer(request.header("content-type", "text/plain").body("{}")).await;
    assert_eq!((answered.status.as_u16(), answered.text("/code")), (415, "GW-0008".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_genuine_token_is_refused() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    let mut tampered = token.clone();
    tampered.replace_range(token.len() - 8.., "AAAAAAAA");
    let secret = jsonwebtoken::EncodingKey::from_secret(testkit::JWT_SECRET.as_bytes());
    let anon = json!({"role": "anon", "iss": "http://auth.test/auth/v1", "aud": "authenticated", "sub": uuid::Uuid::now_v7(), "exp": 9_999_999_999_i64});
    let anon = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &anon, &secret).unwrap();
    let nobody = json!({"role": "authenticated", "iss": "http://auth.test/auth/v1", "aud": "authenticated", "exp": 9_999_999_999_i64});
    let nobody = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &nobody, &secret).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
    for (what, bearer) in [
        ("nothing", ""),
        ("noise", "x"),
        ("a publishable key", "sb_publishable_0123456789"),
        ("a tampered token", &tampered),
        ("an API key", &anon),
        ("a token of nobody", &nobody),
        ("an unsigned token", &unsigned),
    ] {
        for (method, path) in [(Method::GET, "/auth/v1/user"), (Method::POST, "/auth/v1/logout")] {
            let answered = rig.send(method, path, Some(bearer), None).await;
            assert!(matches!(answered.status.as_u16(), 401 | 403), "{what} at {path}: {answered:?}");
            assert!(matches!(answered.error_code(), "no_authorization" | "bad_jwt"), "{what} at {path}: {answered:?}");
        }
        for (method, path) in [(Method::GET, "/api/auth/verify-profile"), (Method::POST, "/api/auth/ensure-profile")] {
            let answered = rig.send(method, path, Some(bearer), None).await;
            assert_eq!((answered.status.as_u16(), answered.text("/code")), (401, "GW-0004".to_owned()), "{what} at {path}");
        }
    }
    for (method, path) in [(Method::GET, "/auth/v1/user"), (Method::POST, "/auth/v1/logout")] {
        let answered = rig.send(method, path, None, None).await;
        assert_eq!((answered.status.as_u16(), answered.error_code()), (401, "no_authorization"));
    }
    assert_eq!(rig.get("/auth/v1/user", &token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_refused_with_its_own_code() {
    let rig = Rig::start().await;
    let token = rig.sign_up().await.text("/access_token");
    let code = async |path: &str, body: serde_json::Value| rig.post(path, body).await.error_code().to_owned();
    assert_eq!(code("/auth/v1/signup", json!({})).await, "anonymous_provider_disabled");
    assert_eq!(code("/auth/v1/signup", json!({"phone": "1", "password": PASSWORD})).await, "phone_provider_disabled");
    assert_eq!(code("/auth/v1/signup", json!({"email": "a@b.c", "phone": "1", "password": PASSWORD})).await, "validation_failed");
    assert_eq!(code("/auth/v1/signup", json!({"email": "a@b.c", "password": null})).await, "validation_failed");
    assert_eq!(code("/auth/v1/signup", json!({"email": "xx:;x@x.x", "password": PASSWORD})).await, "validation_failed");
    assert_eq!(code("/auth/v1/token?grant_type=password", json!({"password": "x"})).await, "validation_failed");
    assert_eq!(code("/auth/v1/token?grant_type=pkce", json!({})).await, "validation_failed");
    assert_eq!(code("/auth/v1/token?grant_type=id_token", json!({})).await, "provider_disabled");
    assert_eq!(code("/auth/v1/token?grant_type=web3", json!({})).await, "web3_provider_disabled");
    assert_eq!(code("/auth/v1/otp", json!({"phone": "1"})).await, "phone_provider_disabled");
    assert_eq!(code("/auth/v1/otp", json!({})).await, "validation_failed");
    assert_eq!(code("/auth/v1/resend", json!({"type": "sms", "phone": "1"})).await, "phone_provider_disabled");
    assert_eq!(code("/auth/v1/recover", json!({"email": "xx:;x@x.x"})).await, "validation_failed");
    assert_eq!(code("/auth/v1/sso", json!({})).await, "saml_provider_disabled");
    assert_eq!(code("/auth/v1/passkeys/options", json!({})).await, "passkey_disabled");
    assert_eq!(code("/auth/v1/oauth/token", json!({})).await, "feature_disabled");
    assert_eq!(rig.get("/auth/v1/authorize?provider=github", "x").await.error_code(), "validation_failed");
    assert_eq!(rig.get("/auth/v1/user/identities/authorize?provider=github", &token).await.error_code(), "manual_linking_disabled");
    assert_eq!(code("/auth/v1/token?grant_type=a&grant_type=b", json!({})).await, "invalid_credentials");
    assert_eq!(code("/auth/v1/token", json!({})).await, "invalid_credentials");
    let scope = rig.send(Method::POST, "/auth/v1/logout?scope=everyone", Some(&token), None).await;
    assert_eq!((scope.status.as_u16(), scope.error_code()), (400, "validation_failed"));
    for (method, path, status, allowed) in [
        (Method::GET, "/auth/v1/signup", 405, Some("POST")),
        (Method::DELETE, "/auth/v1/user", 405, Some("GET, PUT")),
        (Method::GET, "/auth/v1/elsewhere", 404, None),
    ] {
        let answered = rig.send(method, path, None, None).await;
        assert_eq!((answered.status.as_u16(), answered.error_code(), answered.header("allow")), (status, "unknown", allowed), "{path}");
    }
}
