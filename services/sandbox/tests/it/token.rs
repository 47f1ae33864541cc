use serde_json::{Value, json};

use crate::rig::{CREDENTIALS, START_MS, json_of, rig};

#[tokio::test]
async fn a_token_has_phonepes_shape_with_times_in_seconds() {
    let rig = rig().await;
    let body = json_of(rig.token_answer(&CREDENTIALS).await).await;
    let issued_at = START_MS / 1000;
    assert_eq!(body["issued_at"], issued_at);
    assert_eq!(body["expires_at"], issued_at + 624_600);
    assert_eq!(body["session_expires_at"], body["expires_at"]);
    assert_eq!(body["token_type"], "O-Bearer");
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "access_token",
            "encrypted_access_token",
            "expires_in",
            "issued_at",
            "expires_at",
            "session_expires_at",
            "token_type",
            "refresh_token"
        ]
    );
    assert_eq!(body["expires_in"], Value::Null);
    assert_eq!(body["refresh_token"], Value::Null);
}

#[tokio::test]
async fn wrong_credentials_are_an_invalid_client() {
    let rig = rig().await;
    for wrong in 0..3 {
        let mut form = CREDENTIALS;
        form[wrong].1 = "wrong";
        let answer = rig.token_answer(&form).await;
        assert_eq!(answer.status(), 400);
        let body = json_of(answer).await;
        assert_eq!(body["code"], "INVALID_CLIENT");
        assert_eq!(body["errorCode"], "OIM000");
        assert_eq!(body["context"], json!({"error_description": "Client authentication failure"}));
    }
}

#[tokio::test]
async fn a_blank_field_is_named() {
    let rig = rig().await;
    let answer = rig.token_answer(&CREDENTIALS[..3]).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        json_of(answer).await,
        json!({"success": false, "code": "BAD_REQUEST", "message": "form field grant_type must not be blank.", "data": {}})
    );
}

#[tokio::test]
async fn the_production_payment_host_has_no_tokens() {
    let rig = rig().await;
    for (host, status) in [("identity-manager", 200), ("pg-sandbox", 200), ("pg", 404)] {
        let url = format!("/apis/{host}/v1/oauth/token");
        let answer = rig.post(&url).form(&CREDENTIALS).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn calls_without_a_living_token_are_refused() {
    let rig = rig().await;
    let path = "/apis/pg/checkout/v2/order/o-1/status";
    let good = rig.token().await;
    let bearer = good.replace("O-Bearer", "Bearer");
    for (token, status) in [("", 401), ("O-Bearer wrong", 401), (bearer.as_str(), 401), (good.as_str(), 400)] {
        let answer = rig.get(path).header("authorization", token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{token}");
    }
    rig.advance(624_600);
    let answer = rig.get(path).header("authorization", &good).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(
        json_of(answer).await,
        json!({
            "success": false,
            "code": "AUTHORIZATION_FAILED",
            "message": "Authorization failed [message = Please check the authorization token and try again]",
            "data": {},
        })
    );
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_the_next_one_works() {
    let rig = rig().await;
    let path = "/apis/pg/checkout/v2/order/o-1/status";
    let revoked = rig.token().await;
    rig.set_weather(json!({"token_revoked": true})).await;
    for (token, status) in [(revoked, 401), (rig.token().await, 400)] {
        let answer = rig.get(path).header("authorization", token).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
}
