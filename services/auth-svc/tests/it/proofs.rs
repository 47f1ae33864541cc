//! Recovery, sign-in by mail, and sign-ins that end in the client that began them.

use reqwest::StatusCode;
use serde_json::json;

use crate::rig::{Answer, PASSWORD, Rig};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (status, code), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_password_is_replaced_by_the_link_of_a_mail_and_every_other_session_ends() {
    let rig = Rig::start().await;
    let old = rig.sign_up().await;
    let email = old.text("/user/email");
    let asked = rig.post("/auth/v1/recover", json!({"email": email.to_uppercase()})).await;
    assert_eq!((asked.status, &asked.body), (StatusCode::OK, &json!({})));
    let letter = rig.mail_to(&email).await;
    let session = rig.verify_link(&letter).await;
    assert_eq!(session.status, 200, "{session:?}");
    let changed = rig.put_user(&session.text("/access_token"), json!({"password": "an entirely new one"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(rig.sign_in(&email, "an entirely new one").await.status, 200);
    refused(&rig.sign_in(&email, PASSWORD).await, 400, "invalid_credentials");
    refused(&rig.get("/auth/v1/user", &old.text("/access_token")).await, 403, "session_not_found");
    assert!(rig.mail_to(&email).await.0.contains("Your password was changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_gets_the_same_answer_and_no_mail() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    for (path, more) in [("recover", json!({})), ("otp", json!({"create_user": false})), ("resend", json!({"type": "signup"}))] {
        let ask = async |address: &str| {
            let mut body = more.clone();
            body["email"] = json!(address);
            rig.post(&format!("/auth/v1/{path}"), body).await
        };
        let (known, unknown) = (ask(&email).await, ask("nobody@example.test").await);
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body), "{path}");
        assert_eq!(known.status, 200, "{path}: {known:?}");
    }
    assert_eq!(rig.mails_to("nobody@example.test").await, 0);
    assert_eq!(rig.database.number("select count(*) from auth.users where email = 'nobody@example.test'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_by_mail_makes_the_account_and_confirms_the_address() {
    let rig = Rig::start_confirming().await;
    let asked = rig.post("/auth/v1/otp", json!({"email": "new@example.test", "create_user": true, "data": {"name": "New"}})).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let session = rig.verify("email", "new@example.test", &rig.mail_to("new@example.test").await.code()).await;
    assert_eq!(session.status, 200, "{session:?}");
    assert_eq!(session.body["user"]["user_metadata"]["name"], "New");
    assert!(session.body["user"]["email_confirmed_at"].is_string());
    refused(&rig.sign_in("new@example.test", "").await, 400, "invalid_credentials");
    assert_eq!(rig.database.number("select count(*) from identity.memberships").await, 1, "provisioned by the trigger");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_proof_makes_the_users_other_mails_worthless() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    rig.post("/auth/v1/recover", json!({"email": email})).await;
    let recovery = rig.mail_to(&email).await;
    rig.post("/auth/v1/magiclink", json!({"email": email})).await;
    assert_eq!(rig.verify_link(&rig.mail_to(&email).await).await.status, 200);
    refused(&rig.verify_link(&recovery).await, 403, "otp_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_good_for_its_own_types_and_comes_whole() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    rig.post("/auth/v1/recover", json!({"email": email})).await;
    let letter = rig.mail_to(&email).await;
    let (code, hash) = (letter.code(), letter.of_link("token_hash"));
    refused(&rig.verify("signup", &email, &code).await, 403, "otp_expired");
    refused(&rig.verify("email_change", &email, &code).await, 403, "otp_expired");
    refused(&rig.verify("recovery", "other@example.test", &code).await, 403, "otp_expired");
    for (case, body) in [
        ("no type", json!({"email": email, "token": code})),
        ("an unknown type", json!({"type": "sms", "email": email, "token": code})),
        ("no address", json!({"type": "recovery", "token": code})),
        ("both proofs", json!({"type": "recovery", "email": email, "token": code, "token_hash": hash})),
        ("no proof", json!({"type": "recovery", "email": email})),
        ("an address with the hash", json!({"type": "recovery", "email": email, "token_hash": hash})),
    ] {
        let answer = rig.post("/auth/v1/verify", body).await;
        assert_eq!((answer.status.as_u16(), answer.error_code()), (400, "validation_failed"), "{case}");
    }
    assert_eq!(rig.verify("recovery", &email, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_brought_many_times_at_once_signs_in_once() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    rig.post("/auth/v1/recover", json!({"email": email})).await;
    let letter = rig.mail_to(&email).await;
    let brought = (0..10).map(|_| rig.verify_link(&letter));
    let answers = futures_util::future::join_all(brought).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_proof_key_the_session_goes_to_the_client_that_has_the_verifier() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    let asked = json!({"email": email, "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    assert_eq!(rig.post("/auth/v1/otp", asked).await.status, 200);
    let hash = rig.mail_to(&email).await.of_link("token_hash");
    assert!(hash.starts_with("pkce_"));
    let led = rig.follow(&format!("/auth/v1/verify?token={hash}&type=magiclink")).await;
    let to: url::Url = led.header("location").unwrap().parse().unwrap();
    let code = to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert_eq!(to.fragment(), None, "no session in the address");
    let exchange = async |code: &str, verifier: &str| {
        rig.post("/auth/v1/token?grant_type=pkce", json!({"auth_code": code, "code_verifier": verifier})).await
    };
    refused(&exchange(&code, &VERIFIER.replace('d', "e")).await, 400, "bad_code_verifier");
    refused(&exchange(&code, "").await, 400, "validation_failed");
    refused(&exchange("1c7d0a0e-0000-4000-8000-000000000000", VERIFIER).await, 404, "flow_state_not_found");
    let answers = futures_util::future::join_all((0..5).map(|_| exchange(&code, VERIFIER))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "a code is good once: {answers:?}");
    refused(&exchange(&code, VERIFIER).await, 404, "flow_state_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_sign_in_ends_after_five_minutes_and_half_a_proof_key_is_refused() {
    let rig = Rig::start().await;
    let email = rig.sign_up().await.text("/user/email");
    let half = rig.post("/auth/v1/recover", json!({"email": email, "code_challenge": CHALLENGE, "code_challenge_method": null})).await;
    refused(&half, 400, "validation_failed");
    rig.post("/auth/v1/recover", json!({"email": email, "code_challenge": CHALLENGE, "code_challenge_method": "s256"})).await;
    let hash = rig.mail_to(&email).await.of_link("token_hash");
    let led = rig.follow(&format!("/auth/v1/verify?token={hash}&type=recovery")).await;
    let code = led.header("location").unwrap().split_once("code=").unwrap().1.to_owned();
    rig.run("update identity.sign_in_flow set expires_at = now()").await;
    let late = rig.post("/auth/v1/token?grant_type=pkce", json!({"auth_code": code, "code_verifier": VERIFIER})).await;
    refused(&late, 422, "flow_state_expired");
}

/// Somebody signs up with another's address and waits for its owner to confirm it by other means.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_set_before_the_address_was_proved_does_not_survive_a_sign_in_by_mail() {
    let rig = Rig::start_confirming().await;
    for path in ["/auth/v1/otp", "/auth/v1/recover"] {
        let victim = rig.sign_up_unconfirmed().await;
        assert_eq!(rig.post(path, json!({"email": victim})).await.status, 200);
        assert_eq!(rig.verify_link(&rig.mail_to(&victim).await).await.status, 200);
        refused(&rig.sign_in(&victim, PASSWORD).await, 400, "invalid_credentials");
    }
}
