//! Second factors.

use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::rig::{Answer, PASSWORD, Rig};

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (status, code), "{answer:?}");
}

/// An authenticator app.
struct App {
    factor: String,
    secret: String,
}

impl App {
    async fn enrol(rig: &Rig, token: &str) -> Self {
        let answer = rig.send(Method::POST, "/auth/v1/factors", Some(token), Some(&json!({"factor_type": "totp"}))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text("/totp/qr_code").contains("<svg"));
        Self { factor: answer.text("/id"), secret: answer.text("/totp/secret") }
    }

    /// The code of the present step, or of one that is so many later.
    fn code(&self, later: u64) -> String {
        let app = Builder::new().with_secret(Secret::try_from_base32(&self.secret).unwrap()).build().unwrap();
        let now = u64::try_from(domain::Clock::now(&domain::SystemClock).timestamp()).unwrap();
        app.generate(now + 30 * later).to_string()
    }

    async fn challenge(&self, rig: &Rig, token: &str) -> String {
        let answer = rig.send(Method::POST, &format!("/auth/v1/factors/{}/challenge", self.factor), Some(token), None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("/id")
    }

    async fn verify(&self, rig: &Rig, token: &str, code: &str) -> Answer {
        let challenge = self.challenge(rig, token).await;
        self.answer(rig, token, &challenge, code).await
    }

    async fn answer(&self, rig: &Rig, token: &str, challenge: &str, code: &str) -> Answer {
        let path = format!("/auth/v1/factors/{}/verify", self.factor);
        rig.send(Method::POST, &path, Some(token), Some(&json!({"challenge_id": challenge, "code": code}))).await
    }

    async fn remove(&self, rig: &Rig, token: &str) -> Answer {
        rig.send(Method::DELETE, &format!("/auth/v1/factors/{}", self.factor), Some(token), None).await
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_an_app_raises_the_session_and_ends_those_that_showed_one_factor() {
    let rig = Rig::start().await;
    let first = rig.sign_up().await;
    let other = rig.sign_in(&first.text("/user/email"), PASSWORD).await;
    let token = first.text("/access_token");
    let app = App::enrol(&rig, &token).await;
    let raised = app.verify(&rig, &token, &app.code(0)).await;
    assert_eq!(raised.status, 200, "{raised:?}");
    let shown = claims(&raised.text("/access_token"));
    assert_eq!(
        (&shown["aal"], &shown["amr"][0]["method"], &shown["amr"][1]["method"]),
        (&json!("aal2"), &json!("totp"), &json!("password"))
    );
    assert_eq!(shown["session_id"], claims(&token)["session_id"], "the same session");
    let user = rig.get("/auth/v1/user", &raised.text("/access_token")).await;
    assert_eq!((&user.body["factors"][0]["status"], &user.body["factors"][0]["factor_type"]), (&json!("verified"), &json!("totp")));
    refused(&rig.get("/auth/v1/user", &other.text("/access_token")).await, 403, "session_not_found");
    let refreshed = rig.refresh(&raised.text("/refresh_token")).await;
    assert_eq!(claims(&refreshed.text("/access_token"))["aal"], "aal2");
    assert!(rig.mail_to(&first.text("/user/email")).await.0.contains("A second factor was added"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_of_one_factor_does_not_lead_to_the_raised_session() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    let app = App::enrol(&rig, &token).await;
    assert_eq!(app.verify(&rig, &token, &app.code(0)).await.status, 200);
    let old = rig.refresh(&session.text("/refresh_token")).await;
    assert_eq!(old.status, 400, "{old:?}");
    let again = rig.sign_in(&session.text("/user/email"), PASSWORD).await;
    assert_eq!(claims(&again.text("/access_token"))["aal"], "aal1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_a_wrong_or_late_one_never() {
    let rig = Rig::start().await;
    let token = rig.sign_up().await.text("/access_token");
    let app = App::enrol(&rig, &token).await;
    let code = app.code(0);
    refused(&app.verify(&rig, &token, if code == "000000" { "000001" } else { "000000" }).await, 422, "mfa_verification_failed");
    let challenge = app.challenge(&rig, &token).await;
    assert_eq!(app.answer(&rig, &token, &challenge, &code).await.status, 200);
    refused(&app.answer(&rig, &token, &challenge, &app.code(1)).await, 422, "mfa_factor_not_found");
    refused(&app.verify(&rig, &token, &code).await, 422, "mfa_verification_failed");
    let late = app.challenge(&rig, &token).await;
    rig.run("update identity.factor_challenge set expires_at = now()").await;
    refused(&app.answer(&rig, &token, &late, &app.code(1)).await, 422, "mfa_challenge_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_in_five_minutes_are_enough() {
    let rig = Rig::start_with(&[]).await;
    let token = rig.sign_up().await.text("/access_token");
    let app = App::enrol(&rig, &token).await;
    let challenge = app.challenge(&rig, &token).await;
    let wrong = if app.code(0) == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        refused(&app.answer(&rig, &token, &challenge, wrong).await, 422, "mfa_verification_failed");
    }
    refused(&app.answer(&rig, &token, &challenge, &app.code(0)).await, 429, "over_request_rate_limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_second_factor_one_factor_changes_neither_password_nor_address_nor_factors() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (token, email) = (session.text("/access_token"), session.text("/user/email"));
    let app = App::enrol(&rig, &token).await;
    let raised = app.verify(&rig, &token, &app.code(0)).await.text("/access_token");
    let single = rig.sign_in(&email, PASSWORD).await.text("/access_token");
    refused(&rig.put_user(&single, json!({"password": "an entirely new one"})).await, 401, "insufficient_aal");
    refused(&rig.put_user(&single, json!({"email": "new@example.test"})).await, 401, "insufficient_aal");
    refused(&app.remove(&rig, &single).await, 422, "insufficient_aal");
    let enrol = rig.send(Method::POST, "/auth/v1/factors", Some(&single), Some(&json!({"factor_type": "totp"}))).await;
    refused(&enrol, 403, "insufficient_aal");
    assert_eq!(rig.put_user(&single, json!({"data": {"name": "Ann"}})).await.status, 200);
    assert_eq!(app.remove(&rig, &raised).await.status, 200);
    let lowered = rig.refresh(&rig.sign_in(&email, PASSWORD).await.text("/refresh_token")).await;
    assert_eq!(rig.put_user(&lowered.text("/access_token"), json!({"password": "an entirely new one"})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_does_not_get_around_the_second_factor() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (token, email) = (session.text("/access_token"), session.text("/user/email"));
    let app = App::enrol(&rig, &token).await;
    assert_eq!(app.verify(&rig, &token, &app.code(0)).await.status, 200);
    rig.post("/auth/v1/recover", json!({"email": email})).await;
    let recovered = rig.verify_link(&rig.mail_to(&email).await).await;
    assert_eq!(claims(&recovered.text("/access_token"))["aal"], "aal1");
    let change = rig.put_user(&recovered.text("/access_token"), json!({"password": "an entirely new one"})).await;
    refused(&change, 401, "insufficient_aal");
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_are_their_owners_alone_and_named_once() {
    let rig = Rig::start().await;
    let (ann, bob) = (rig.sign_up().await.text("/access_token"), rig.sign_up().await.text("/access_token"));
    let app = App::enrol(&rig, &ann).await;
    refused(&app.remove(&rig, &bob).await, 404, "mfa_factor_not_found");
    let path = format!("/auth/v1/factors/{}/challenge", app.factor);
    refused(&rig.send(Method::POST, &path, Some(&bob), None).await, 404, "mfa_factor_not_found");
    let enrol = async |name: &str, kind: &str| {
        let body = json!({"factor_type": kind, "friendly_name": name});
        rig.send(Method::POST, "/auth/v1/factors", Some(&ann), Some(&body)).await
    };
    assert_eq!(enrol("phone app", "totp").await.status, 200);
    refused(&enrol("phone app", "totp").await, 422, "mfa_factor_name_conflict");
    refused(&enrol("x", "phone").await, 422, "mfa_phone_enroll_not_enabled");
    refused(&enrol("x", "webauthn").await, 422, "mfa_webauthn_enroll_not_enabled");
    refused(&enrol("x", "").await, 400, "validation_failed");
    for number in 0..8 {
        assert_eq!(enrol(&format!("app {number}"), "totp").await.status, 200);
    }
    refused(&enrol("one more", "totp").await, 422, "too_many_enrolled_mfa_factors");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_factor_is_encrypted_at_rest() {
    let secret = "an operator's secret of more than 32 bytes";
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), ("GROUNDWORK__EMBEDDED__KEY_ENCRYPTION_SECRET", secret)]).await;
    let token = rig.sign_up().await.text("/access_token");
    let app = App::enrol(&rig, &token).await;
    let stored = rig.database.text("select encode(secret, 'base64') as value from identity.factor").await.unwrap();
    let stored = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, stored).unwrap();
    let plain = Secret::try_from_base32(&app.secret).unwrap();
    assert!(!stored.windows(plain.as_ref().len()).any(|window| window == plain.as_ref()));
    assert_eq!(app.verify(&rig, &token, &app.code(0)).await.status, 200);
}
