//! New passwords, asked about at a service that knows breached ones.

use reqwest::Method;
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::rig::{Answer, PASSWORD, Rig};

const RANGE: &str = "GROUNDWORK__EMBEDDED__BREACHED_PASSWORDS_URL";

const BREACHED: &str = "the horse that everybody has";
const LISTED: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\nREST:37\r\n";

fn refused(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (422, "weak_password"), "{answer:?}");
    assert_eq!(answer.body["weak_password"]["reasons"], json!(["pwned"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breached_password_is_refused_wherever_one_is_chosen_and_never_leaves_the_service() {
    let hash = hex::encode_upper(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, BREACHED.as_bytes()));
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string(LISTED.replace("REST", &hash[5..]))).mount(&server).await;
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), (RANGE, &format!("{}/range", server.uri()))]).await;

    refused(&rig.post("/auth/v1/signup", json!({"email": "ann@example.test", "password": BREACHED})).await);
    let token = rig.sign_up().await.text("/access_token");
    refused(&rig.put_user(&token, json!({"password": BREACHED})).await);
    let (_, key) = rig.service_key().await;
    let account = json!({"email": "bob@example.test", "password": BREACHED});
    refused(&rig.send(Method::POST, "/auth/v1/admin/users", Some(&key), Some(&account)).await);
    let link = json!({"type": "signup", "email": "bob@example.test", "password": BREACHED});
    refused(&rig.send(Method::POST, "/auth/v1/admin/generate_link", Some(&key), Some(&link)).await);

    let asked: Vec<String> = server.received_requests().await.unwrap().iter().map(|request| request.url.path().to_owned()).collect();
    assert_eq!(asked.len(), 5, "each new password once: {asked:?}");
    assert!(asked.iter().all(|path| path.strip_prefix("/range/").is_some_and(|prefix| prefix.len() == 5)), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_service_that_is_away() {
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), (RANGE, "http://127.0.0.1:1/range")]).await;
    let answer = rig.post("/auth/v1/signup", json!({"email": "ann@example.test", "password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
