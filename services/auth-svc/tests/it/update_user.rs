//! What users change about their own account.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::rig::{Answer, PASSWORD, Rig};

const OTHER_PASSWORD: &str = "an entirely new one";

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.error_code()), (status, code), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_merged_and_a_null_takes_a_member_away() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    rig.put_user(&token, json!({"data": {"name": "Ann", "team": "red"}})).await;
    let changed = rig.put_user(&token, json!({"data": {"team": null, "age": 30, "email": "forged@example.test"}, "password": null})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let metadata = &changed.body["user_metadata"];
    assert_eq!((&metadata["name"], &metadata["team"], &metadata["age"]), (&json!("Ann"), &Value::Null, &json!(30)));
    assert_eq!(metadata["email"], session.body["user"]["email"]);
    refused(&rig.put_user(&token, json!({"data": {"bio": "x".repeat(5000)}})).await, 400, "validation_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_several_devices_at_once_are_all_kept() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let email = session.text("/user/email");
    let devices = [session, rig.sign_in(&email, PASSWORD).await, rig.sign_in(&email, PASSWORD).await];
    let tokens: Vec<_> = devices.iter().map(|device| device.text("/access_token")).collect();
    let changes = (0..24).map(|number| {
        let (rig, token) = (&rig, &tokens[number % tokens.len()]);
        async move { rig.put_user(token, json!({"data": {format!("member {number}"): number}})).await }
    });
    for changed in join_all(changes).await {
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let user = rig.get("/auth/v1/user", &tokens[0]).await;
    for number in 0..24 {
        assert_eq!(user.body["user_metadata"][format!("member {number}")], json!(number), "{user:?}");
    }
}

/// Transactions that lock the rows of an account in different orders stop one another, and PostgreSQL ends one of them.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_an_account_at_once_nothing_fails() {
    let rig = Rig::start_confirming().await;
    for round in 0..8 {
        let email = rig.sign_up_unconfirmed().await;
        let first = rig.verify_link(&rig.mail_to(&email).await).await.text("/access_token");
        let second = rig.sign_in(&email, PASSWORD).await.text("/access_token");
        assert_eq!(rig.post("/auth/v1/recover", json!({"email": email})).await.status, 200);
        let letter = rig.mail_to(&email).await;
        let code = letter.code();
        let recover = || rig.post("/auth/v1/recover", json!({"email": email}));
        let change = |token, changes| rig.put_user(token, changes);
        let answers = tokio::join!(
            change(&first, json!({"password": OTHER_PASSWORD})),
            change(&second, json!({"password": format!("{OTHER_PASSWORD} {round}")})),
            change(&second, json!({"data": {"round": round}})),
            change(&first, json!({"email": format!("new-{email}")})),
            rig.verify_link(&letter),
            rig.verify("recovery", &email, &code),
            recover(),
            recover(),
        );
        let answers: [Answer; 8] = answers.into();
        for (number, answer) in answers.iter().enumerate() {
            assert!(!answer.status.is_server_error(), "{number} of round {round}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_another_one_long_enough_and_signs_other_devices_out() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (token, email) = (session.text("/access_token"), session.text("/user/email"));
    let other = rig.sign_in(&email, PASSWORD).await;
    refused(&rig.put_user(&token, json!({"password": PASSWORD})).await, 422, "same_password");
    refused(&rig.put_user(&token, json!({"password": "short"})).await, 422, "weak_password");
    let wrong = json!({"password": OTHER_PASSWORD, "current_password": "not this one"});
    refused(&rig.put_user(&token, wrong).await, 400, "current_password_invalid");
    assert_eq!(rig.put_user(&token, json!({"password": OTHER_PASSWORD})).await.status, 200);
    assert_eq!(rig.get("/auth/v1/user", &token).await.status, 200, "the device that changed it stays");
    refused(&rig.get("/auth/v1/user", &other.text("/access_token")).await, 403, "session_not_found");
    refused(&rig.refresh(&other.text("/refresh_token")).await, 400, "refresh_token_not_found");
    assert_eq!(rig.sign_in(&email, OTHER_PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_changes_the_password_only_with_the_present_one_or_a_mailed_code() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let (token, email) = (session.text("/access_token"), session.text("/user/email"));
    let grow_old = "update identity.session set amr = jsonb_set(amr, '{0,timestamp}', to_jsonb(extract(epoch from now())::bigint - 90000))";
    rig.run(grow_old).await;
    refused(&rig.put_user(&token, json!({"password": OTHER_PASSWORD})).await, 400, "reauthentication_needed");
    assert_eq!(rig.put_user(&token, json!({"password": OTHER_PASSWORD, "current_password": PASSWORD})).await.status, 200);
    assert_eq!(rig.get("/auth/v1/reauthenticate", &token).await.status, 200);
    let code = rig.mail_to(&email).await.code();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    refused(&rig.put_user(&token, json!({"password": PASSWORD, "nonce": wrong})).await, 422, "reauthentication_not_valid");
    assert_eq!(rig.put_user(&token, json!({"password": PASSWORD, "nonce": code})).await.status, 200);
    let used = rig.put_user(&token, json!({"password": OTHER_PASSWORD, "nonce": code})).await;
    refused(&used, 422, "reauthentication_not_valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_changes_once_both_have_agreed() {
    let rig = Rig::start_confirming().await;
    let old = rig.sign_up_unconfirmed().await;
    let session = rig.verify_link(&rig.mail_to(&old).await).await;
    let token = session.text("/access_token");
    let asked = rig.put_user(&token, json!({"email": "New@Example.test"})).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert_eq!((asked.text("/email"), asked.text("/new_email")), (old.clone(), "new@example.test".to_owned()));
    let (from, to) = (rig.mail_to(&old).await, rig.mail_to("new@example.test").await);
    let half = rig.verify_link(&to).await;
    assert_eq!((half.status.as_u16(), half.text("/code")), (200, "200".to_owned()), "{half:?}");
    refused(&rig.verify_link(&to).await, 403, "otp_expired");
    assert_eq!(rig.sign_in("new@example.test", PASSWORD).await.status, 400, "not yet");
    let whole = rig.verify_link(&from).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    assert_eq!(whole.text("/user/email"), "new@example.test");
    assert!(whole.body["user"].get("new_email").is_none());
    assert_eq!(rig.sign_in("new@example.test", PASSWORD).await.status, 200);
    refused(&rig.sign_in(&old, PASSWORD).await, 400, "invalid_credentials");
    assert!(rig.mail_to(&old).await.0.contains("Your address was changed"));
    assert_eq!(rig.database.text("select email as value from identity.profiles").await.as_deref(), Some("new@example.test"));
}

/// Five wrong tries take the other mail away; its half must not count as given.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_alone_never_changes_an_account() {
    let rig = Rig::start_confirming().await;
    let old = rig.sign_up_unconfirmed().await;
    let session = rig.verify_link(&rig.mail_to(&old).await).await;
    let token = session.text("/access_token");
    rig.put_user(&token, json!({"email": "new@example.test"})).await;
    let (from, to) = (rig.mail_to(&old).await, rig.mail_to("new@example.test").await);
    let wrong = if to.code() == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        refused(&rig.verify("email_change", "new@example.test", wrong).await, 403, "otp_expired");
    }
    assert_eq!(rig.verify_link(&from).await.text("/code"), "200");
    refused(&rig.verify("email_change", "new@example.test", &to.code()).await, 403, "otp_expired");
    let resent = rig.post("/auth/v1/resend", json!({"type": "email_change", "email": old})).await;
    assert_eq!(resent.status, 200, "{resent:?}");
    let again = rig.verify_link(&rig.mail_to(&old).await).await;
    assert_eq!(again.text("/code"), "200", "both have to agree anew: {again:?}");
    assert_eq!(rig.get("/auth/v1/user", &token).await.text("/email"), old);
    assert_eq!(rig.verify_link(&rig.mail_to("new@example.test").await).await.text("/user/email"), "new@example.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_somebody_else_is_refused() {
    let rig = Rig::start().await;
    let (ann, bob) = (rig.sign_up().await, rig.sign_up().await);
    let taken = rig.put_user(&ann.text("/access_token"), json!({"email": bob.text("/user/email")})).await;
    refused(&taken, 422, "email_exists");
    refused(&rig.put_user(&ann.text("/access_token"), json!({"email": "nobody"})).await, 400, "validation_failed");
    let free = rig.put_user(&ann.text("/access_token"), json!({"email": "free@example.test"})).await;
    assert_eq!((free.status.as_u16(), free.text("/email")), (200, "free@example.test".to_owned()), "without confirmation at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_without_a_living_session() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let token = session.text("/access_token");
    let nobody = rig.send(reqwest::Method::PUT, "/auth/v1/user", None, Some(&json!({"data": {}}))).await;
    refused(&nobody, 401, "no_authorization");
    rig.send(reqwest::Method::POST, "/auth/v1/logout", Some(&token), None).await;
    refused(&rig.put_user(&token, json!({"password": OTHER_PASSWORD})).await, 403, "session_not_found");
    assert_eq!(rig.sign_in(&session.text("/user/email"), PASSWORD).await.status, 200);
}
