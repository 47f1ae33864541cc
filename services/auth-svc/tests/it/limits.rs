//! The default rate limits.

use serde_json::json;
use testkit::empty_redis;

use crate::rig::{PASSWORD, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_takes_ten_attempts_and_the_next_has_to_wait() {
    let rig = Rig::start_with(&[]).await;
    let email = rig.sign_up().await.text("/user/email");
    for left in (0..10).rev() {
        let refused = rig.sign_in(&email, "a wrong password").await;
        assert_eq!(refused.error_code(), "invalid_credentials", "{left} should be left");
    }
    let limited = rig.sign_in(&email.to_uppercase(), PASSWORD).await;
    assert_eq!((limited.status.as_u16(), limited.error_code()), (429, "over_request_rate_limit"));
    assert!(limited.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(limited.header("ratelimit-policy").unwrap().contains("sign-in-account"));
    assert_eq!(rig.sign_in("somebody.else@example.test", PASSWORD).await.error_code(), "invalid_credentials");
    empty_redis().await;
    let allowed = rig.sign_in(&email, PASSWORD).await;
    assert_eq!(allowed.status, 200);
    assert!(allowed.header("ratelimit").unwrap().contains("r=9"), "{allowed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_makes_ten_accounts_an_hour() {
    let rig = Rig::start_with(&[]).await;
    for _ in 0..10 {
        rig.sign_up().await;
    }
    let limited = rig.post("/auth/v1/signup", json!({"email": "one.more@example.test", "password": PASSWORD})).await;
    assert_eq!((limited.status.as_u16(), limited.error_code()), (429, "over_request_rate_limit"));
    assert_eq!(rig.database.number("select count(*) from auth.users").await, 10);
}
