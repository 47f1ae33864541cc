//! Rotation, the reuse window, and what ends a session.

use futures_util::future::join_all;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_gives_the_next_pair_of_the_same_session() {
    let rig = Rig::start().await;
    let first = rig.sign_up().await;
    let second = rig.refresh(&first.text("/refresh_token")).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.text("/refresh_token"), first.text("/refresh_token"));
    assert_eq!(second.body["user"]["id"], first.body["user"]["id"]);
    assert_eq!(rig.get("/auth/v1/user", &second.text("/access_token")).await.status, 200);
    assert_eq!(rig.database.number("select count(*) from identity.session").await, 1);
    assert_eq!(rig.database.number("select refresh_token_counter from identity.session").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_refresh_together_all_get_the_same_next_token() {
    let rig = Rig::start().await;
    let token = rig.sign_up().await.text("/refresh_token");
    let answers = join_all((0..12).map(|_| rig.refresh(&token))).await;
    let next = answers[0].text("/refresh_token");
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text("/refresh_token") == next));
    assert_eq!(rig.database.number("select refresh_token_counter from identity.session").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_lost_the_answer_may_ask_again_with_the_parent() {
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), ("GROUNDWORK__EMBEDDED__REFRESH_REUSE_INTERVAL_S", "0")]).await;
    let first = rig.sign_up().await.text("/refresh_token");
    let lost = rig.refresh(&first).await.text("/refresh_token");
    assert_eq!(rig.refresh(&first).await.text("/refresh_token"), lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_ends_the_session_and_with_it_every_descendant() {
    let rig = Rig::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load"), ("GROUNDWORK__EMBEDDED__REFRESH_REUSE_INTERVAL_S", "0")]).await;
    let stolen = rig.sign_up().await.text("/refresh_token");
    let second = rig.refresh(&stolen).await.text("/refresh_token");
    let third = rig.refresh(&second).await;
    let reused = rig.refresh(&stolen).await;
    assert_eq!((reused.status.as_u16(), reused.error_code()), (400, "refresh_token_already_used"));
    assert_eq!(rig.refresh(&third.text("/refresh_token")).await.error_code(), "refresh_token_not_found");
    assert_eq!(rig.get("/auth/v1/user", &third.text("/access_token")).await.error_code(), "session_not_found");
    assert_eq!(rig.database.number("select count(*) from identity.audit_log where action = 'session.revoke'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_reuse_window_an_old_token_repeats_the_present_one() {
    let rig = Rig::start().await;
    let first = rig.sign_up().await.text("/refresh_token");
    let second = rig.refresh(&first).await.text("/refresh_token");
    let third = rig.refresh(&second).await.text("/refresh_token");
    assert_eq!(rig.refresh(&first).await.text("/refresh_token"), third);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_we_did_not_make_is_refused() {
    let rig = Rig::start().await;
    let session = rig.sign_up().await;
    let id = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(session.text("/access_token")).unwrap().claims;
    let id = id["session_id"].as_str().unwrap().parse().unwrap();
    let forged = auth_svc::provider::refresh_token::issue(id, 0, &[0; 32]);
    assert_eq!(rig.refresh(&forged).await.error_code(), "validation_failed");
    let unknown = auth_svc::provider::refresh_token::issue(uuid::Uuid::now_v7(), 0, &[0; 32]);
    assert_eq!(rig.refresh(&unknown).await.error_code(), "refresh_token_not_found");
    for token in ["", "x", "abcdefghijkl", "💥"] {
        let answer = rig.refresh(token).await;
        assert_eq!((answer.status.as_u16(), answer.error_code()), (400, "validation_failed"));
    }
    assert_eq!(rig.refresh(&session.text("/refresh_token")).await.status, 200, "the session must not suffer from forgeries");
}
