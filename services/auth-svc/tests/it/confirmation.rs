//! An address that has to be confirmed by mail.

use reqwest::StatusCode;
use serde_json::json;

use crate::rig::{Answer, PASSWORD, Rig};

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (status, code), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_waits_for_the_mail_and_its_code_signs_in() {
    let rig = Rig::start_confirming().await;
    let answer = rig.post("/auth/v1/signup", json!({"email": "Ann@Example.test", "password": PASSWORD, "data": {"name": "Ann"}})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.get("user").is_none() && answer.body["confirmation_sent_at"].is_string(), "a bare user: {answer:?}");
    assert!(answer.body.get("email_confirmed_at").is_none());
    refused(&rig.sign_in("ann@example.test", PASSWORD).await, 400, "email_not_confirmed");
    let letter = rig.mail_to("ann@example.test").await;
    assert_eq!(letter.of_link("type"), "signup");
    let session = rig.verify("signup", "ANN@example.test", &letter.code()).await;
    assert_eq!(session.status, 200, "{session:?}");
    assert_eq!(session.body["user"]["id"], answer.body["id"]);
    assert_eq!(session.body["user"]["user_metadata"]["email_verified"], true);
    assert!(session.body["user"]["email_confirmed_at"].is_string());
    assert_eq!(rig.get("/auth/v1/user", &session.text("/access_token")).await.status, 200);
    assert_eq!(rig.sign_in("ann@example.test", PASSWORD).await.status, 200);
    refused(&rig.verify("signup", "ann@example.test", &letter.code()).await, 403, "otp_expired");
    refused(&rig.verify_link(&letter).await, 403, "otp_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_confirms_as_well_and_leads_to_the_page_with_the_session_behind_the_hash() {
    let rig = Rig::start_confirming().await;
    let email = rig.sign_up_unconfirmed().await;
    let letter = rig.mail_to(&email).await;
    let path = format!("/auth/v1/verify?token={}&type=signup&redirect_to=https%3A%2F%2Fevil.example", letter.of_link("token_hash"));
    let head = rig.send(reqwest::Method::HEAD, &path, None, None).await;
    assert_eq!(head.status, 200, "what looks at links first has no effect: {head:?}");
    let led = rig.follow(&path).await;
    assert_eq!(led.status, StatusCode::SEE_OTHER, "{led:?}");
    let to: url::Url = led.header("location").unwrap().parse().unwrap();
    assert_ne!(to.host_str(), Some("evil.example"));
    let fragment: std::collections::HashMap<_, _> = url::form_urlencoded::parse(to.fragment().unwrap().as_bytes()).collect();
    assert_eq!((fragment["token_type"].as_ref(), fragment["type"].as_ref()), ("bearer", "signup"));
    assert_eq!(rig.get("/auth/v1/user", &fragment["access_token"]).await.status, 200);
    let again = rig.follow(&path).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert!(again.header("location").unwrap().contains("error_code=otp_expired"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_an_account_is_answered_like_one_without_and_told_by_mail() {
    let rig = Rig::start_confirming().await;
    let email = rig.sign_up_unconfirmed().await;
    assert_eq!(rig.verify_link(&rig.mail_to(&email).await).await.status, 200);
    let taken = rig.post("/auth/v1/signup", json!({"email": email, "password": "another password"})).await;
    let free = rig.post("/auth/v1/signup", json!({"email": "free@example.test", "password": "another password"})).await;
    let shape = |answer: &Answer| answer.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((taken.status, shape(&taken)), (free.status, shape(&free)));
    assert_eq!(taken.body["identities"].as_array().unwrap().len(), 1);
    assert!(rig.mail_to(&email).await.0.contains("You have an account"));
    assert_eq!(rig.sign_in(&email, PASSWORD).await.status, 200, "the account is untouched");
    assert_eq!(rig.sign_in(&email, "another password").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_sign_up_makes_the_first_mail_worthless_and_the_last_password_counts() {
    let rig = Rig::start_confirming().await;
    let email = rig.sign_up_unconfirmed().await;
    let first = rig.mail_to(&email).await;
    let again = rig.post("/auth/v1/signup", json!({"email": email, "password": "the second password"})).await;
    assert_eq!(again.status, 200, "{again:?}");
    refused(&rig.verify_link(&first).await, 403, "otp_expired");
    assert_eq!(rig.verify_link(&rig.mail_to(&email).await).await.status, 200);
    assert_eq!(rig.sign_in(&email, "the second password").await.status, 200);
    assert_eq!(rig.sign_in(&email, PASSWORD).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_dies_with_the_fifth_wrong_try_and_the_link_with_it() {
    let rig = Rig::start_confirming().await;
    let email = rig.sign_up_unconfirmed().await;
    let letter = rig.mail_to(&email).await;
    let wrong = if letter.code() == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        refused(&rig.verify("signup", &email, wrong).await, 403, "otp_expired");
    }
    refused(&rig.verify("signup", &email, &letter.code()).await, 403, "otp_expired");
    refused(&rig.verify_link(&letter).await, 403, "otp_expired");
    let resent = rig.post("/auth/v1/resend", json!({"type": "signup", "email": email})).await;
    assert_eq!((resent.status, &resent.body), (StatusCode::OK, &json!({})));
    assert_eq!(rig.verify("email", &email, &rig.mail_to(&email).await.code()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_before_its_link_and_both_end() {
    let rig = Rig::start_confirming().await;
    let email = rig.sign_up_unconfirmed().await;
    let letter = rig.mail_to(&email).await;
    rig.run("update identity.one_time_token set code_expires_at = now()").await;
    refused(&rig.verify("signup", &email, &letter.code()).await, 403, "otp_expired");
    rig.run("update identity.one_time_token set link_expires_at = now()").await;
    refused(&rig.verify_link(&letter).await, 403, "otp_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_mail_of_a_kind_within_a_minute_is_refused_whether_the_address_is_known_or_not() {
    let rig = Rig::start_with(&[("GROUNDWORK__EMBEDDED__EMAIL_CONFIRMATION", "true")]).await;
    let email = rig.sign_up_unconfirmed().await;
    for address in [email.as_str(), "nobody@example.test"] {
        assert_eq!(rig.post("/auth/v1/recover", json!({"email": address})).await.status, 200);
        let again = rig.post("/auth/v1/recover", json!({"email": address.to_uppercase()})).await;
        refused(&again, 429, "over_email_send_rate_limit");
        assert!(again.header("retry-after").is_some());
    }
}
