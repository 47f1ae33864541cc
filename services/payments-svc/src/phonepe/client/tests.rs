use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::{DateTime, TimeDelta};
use domain::{clock::MockClock, ids::OrderId, money::Paise, refund::RefundNews};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_string, header, method, path, query_param},
};

use super::*;
use crate::phonepe::{OrderStatus, ProviderState, RefundStatus};

const ISSUED_AT: i64 = 1_706_073_005;
const LIFE_S: i64 = 1000;

/// A PhonePe whose `n`-th token is `token-<n>`; both hosts are paths of one server.
struct Fake {
    server: MockServer,
    tokens: Arc<AtomicUsize>,
    clock: Arc<MockClock>,
}

impl Fake {
    async fn start() -> Self {
        let fake = Self {
            server: MockServer::start().await,
            tokens: Arc::default(),
            clock: Arc::new(MockClock::new(DateTime::from_timestamp(ISSUED_AT, 0).unwrap())),
        };
        let (tokens, clock) = (fake.tokens.clone(), fake.clock.clone());
        Mock::given(method("POST"))
            .and(path("/identity/v1/oauth/token"))
            .and(header("content-type", "application/x-www-form-urlencoded"))
            .and(body_string("client_id=CID&client_version=1&client_secret=SEC&grant_type=client_credentials"))
            .respond_with(move |_: &Request| {
                let (n, now) = (tokens.fetch_add(1, Ordering::SeqCst) + 1, clock.now().timestamp());
                ResponseTemplate::new(200)
                    .set_body_json(json!({
                        "access_token": format!("token-{n}"), "encrypted_access_token": "x", "expires_in": null, "issued_at": now,
                        "expires_at": now + LIFE_S, "session_expires_at": now + LIFE_S, "token_type": "O-Bearer", "refresh_token": null,
                    }))
                    .set_delay(Duration::from_millis(50))
            })
            .mount(&fake.server)
            .await;
        fake
    }

    fn client(&self) -> Client {
        client_of(&self.server.uri(), self.clock.clone())
    }

    async fn answer_status(&self, template: ResponseTemplate) {
        Mock::given(method("GET")).and(path(status_path())).respond_with(template).mount(&self.server).await;
    }
}

fn client_of(server: &str, clock: Arc<MockClock>) -> Client {
    let config = PhonePeConfig {
        oauth_url: format!("{server}/identity"),
        payment_url: format!("{server}/pg/"),
        client_id: "CID".into(),
        client_secret: "SEC".to_owned().into(),
        client_version: 1,
        webhook_username: String::new(),
        webhook_password: String::new().into(),
        webhook_secret: String::new().into(),
        autopay_api: AutopayApi::Checkout,
    };
    let http = service_kit::http_client(Duration::from_secs(5)).unwrap();
    Client::new(http, &config, clock, Metrics::new(&prometheus::Registry::new()).unwrap())
}

/// Tokens that were granted, and that were not.
fn tokens(client: &Client) -> (u64, u64) {
    let count = |outcome| client.metrics.tokens.with_label_values(&[outcome]).get();
    (count("granted"), count("failed"))
}

fn order() -> OrderId {
    "019c2d6e-0000-7000-8000-000000000001".parse().unwrap()
}

fn id() -> MerchantOrderId {
    MerchantOrderId::of(order(), 1)
}

fn status_path() -> String {
    format!("/pg/checkout/v2/order/{}/status", id())
}

fn pending() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"orderId": "OMO1", "state": "PENDING", "amount": 500_000, "paymentDetails": []}))
}

fn request() -> PayRequest {
    PayRequest {
        merchant_order_id: id(),
        amount: Paise::new(500_000),
        expire_after_s: 1200,
        redirect_url: "https://app.example/r".into(),
        mandate: None,
    }
}

// Instructive public problem 11 of the facts: the call had a body, and its empty answer was read as JSON.
#[tokio::test]
async fn the_end_of_a_mandate_is_a_call_and_an_answer_without_bodies() {
    let fake = Fake::start().await;
    let cancel =
        Mock::given(method("POST")).and(path("/pg/subscriptions/v2/M1/cancel")).and(|request: &wiremock::Request| request.body.is_empty());
    cancel.respond_with(ResponseTemplate::new(204)).expect(1).mount(&fake.server).await;
    assert_eq!(fake.client().cancel_mandate(AutopayApi::Subscriptions, "M1").await, ActOutcome::Accepted);
}

async fn paid_with(template: ResponseTemplate) -> PayOutcome {
    let fake = Fake::start().await;
    Mock::given(method("POST")).and(path("/pg/checkout/v2/pay")).respond_with(template).expect(1).mount(&fake.server).await;
    fake.client().pay(&request()).await
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"success": false, "code": code, "message": "…", "data": {}}))
}

#[tokio::test]
async fn a_payment_is_opened_with_a_bearer_token_of_phonepes_kind() {
    let fake = Fake::start().await;
    Mock::given(method("POST"))
        .and(path("/pg/checkout/v2/pay"))
        .and(header("authorization", "O-Bearer token-1"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "orderId": "OMO1", "state": "PENDING", "expireAt": 1_711_867_462_542_i64, "redirectUrl": "https://mercury.example/t?token=a%2Fb",
        })))
        .mount(&fake.server)
        .await;
    let PayOutcome::Accepted(accepted) = fake.client().pay(&request()).await else { panic!("not accepted") };
    assert_eq!(accepted.redirect_url, "https://mercury.example/t?token=a%2Fb");
    assert_eq!(accepted.expires_at.unwrap().timestamp_millis(), 1_711_867_462_542);
}

#[tokio::test]
async fn only_a_certain_refusal_is_a_refusal() {
    for template in [refusal(400, "BAD_REQUEST"), refusal(403, "FORBIDDEN"), refusal(422, "X"), ResponseTemplate::new(404)] {
        assert!(matches!(paid_with(template).await, PayOutcome::Refused { .. }));
    }
}

#[tokio::test]
async fn every_answer_that_leaves_a_doubt_is_ambiguous() {
    let doubts = [
        refusal(500, "INTERNAL_SERVER_ERROR"),
        refusal(429, "TOO_MANY_REQUESTS"),
        refusal(417, "INVALID_TRANSACTION_ID"),
        refusal(400, "ORDER_ALREADY_EXISTS"),
        ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>"),
        ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example"),
        ResponseTemplate::new(200).set_body_string("<html>ok</html>"),
        ResponseTemplate::new(200).set_body_json(json!({"orderId": "OMO1", "redirectUrl": "javascript:alert(1)"})),
    ];
    for template in doubts {
        assert!(matches!(paid_with(template).await, PayOutcome::Ambiguous { .. }));
    }
}

#[tokio::test]
async fn an_unreachable_provider_is_ambiguous_for_a_payment_and_unavailable_for_a_question() {
    let clock = Arc::new(MockClock::new(DateTime::from_timestamp(ISSUED_AT, 0).unwrap()));
    let client = client_of("http://127.0.0.1:1", clock);
    assert!(matches!(client.pay(&request()).await, PayOutcome::Ambiguous { .. }));
    assert!(client.order_status(&id(), None).await.is_err());
}

#[tokio::test]
async fn an_unknown_order_is_told_from_a_wrong_address() {
    let cases =
        [(refusal(400, "INVALID_MERCHANT_ORDER_ID"), true), (refusal(404, "ORDER_NOT_FOUND"), true), (ResponseTemplate::new(404), false)];
    for (template, unknown) in cases {
        let fake = Fake::start().await;
        fake.answer_status(template).await;
        assert_eq!(fake.client().order_status(&id(), None).await == Ok(StatusAnswer::NotFound), unknown);
    }
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let fake = Fake::start().await;
    fake.answer_status(refusal(429, "TOO_MANY_REQUESTS").insert_header("retry-after", "9")).await;
    assert_eq!(fake.client().order_status(&id(), None).await.unwrap_err().retry_after, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn a_status_is_asked_with_details_and_read_by_its_root_state() {
    let fake = Fake::start().await;
    let body: Value = json!({"orderId": "OMO1", "state": "COMPLETED", "amount": 500_000, "paymentDetails": [{"transactionId": "OM1", "state": "COMPLETED"}]});
    Mock::given(method("GET"))
        .and(path(status_path()))
        .and(query_param("details", "true"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&fake.server)
        .await;
    let expected = OrderStatus {
        state: ProviderState::Completed,
        provider_order_id: Some("OMO1".into()),
        merchant_order_id: None,
        amount: Some(500_000),
        currency: None,
        error_code: None,
        transaction_id: Some("OM1".into()),
        valid_after: None,
    };
    assert_eq!(fake.client().order_status(&id(), None).await, Ok(StatusAnswer::Found(expected)));
}

#[tokio::test]
async fn one_token_serves_many_callers_at_once() {
    let fake = Fake::start().await;
    fake.answer_status(pending()).await;
    let (client, id) = (fake.client(), id());
    futures_util::future::join_all((0..20).map(|_| client.order_status(&id, None))).await;
    assert_eq!(fake.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_renewed_at_half_its_life() {
    let fake = Fake::start().await;
    fake.answer_status(pending()).await;
    let client = fake.client();
    for (seconds, expected) in [(0, 1), (LIFE_S / 2 - 1, 1), (1, 2)] {
        fake.clock.advance(TimeDelta::seconds(seconds));
        client.order_status(&id(), None).await.unwrap();
        assert_eq!(fake.tokens.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn the_old_token_stays_in_use_when_it_cannot_be_renewed() {
    let fake = Fake::start().await;
    let client = fake.client();
    fake.answer_status(pending()).await;
    client.order_status(&id(), None).await.unwrap();
    fake.server.reset().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).expect(1).mount(&fake.server).await;
    Mock::given(method("GET")).and(header("authorization", "O-Bearer token-1")).respond_with(pending()).expect(2).mount(&fake.server).await;
    fake.clock.advance(TimeDelta::seconds(LIFE_S));
    client.order_status(&id(), None).await.unwrap();
    client.order_status(&id(), None).await.unwrap();
    assert_eq!(tokens(&client), (1, 1));
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_request_repeated_exactly_once() {
    let fake = Fake::start().await;
    Mock::given(method("GET"))
        .and(header("authorization", "O-Bearer token-1"))
        .respond_with(refusal(401, "AUTHORIZATION_FAILED"))
        .expect(1)
        .mount(&fake.server)
        .await;
    Mock::given(method("GET")).and(header("authorization", "O-Bearer token-2")).respond_with(pending()).expect(1).mount(&fake.server).await;
    assert!(fake.client().order_status(&id(), None).await.is_ok());

    let never = Fake::start().await;
    Mock::given(method("POST"))
        .and(path("/pg/checkout/v2/pay"))
        .respond_with(refusal(401, "AUTHORIZATION_FAILED"))
        .expect(2)
        .mount(&never.server)
        .await;
    assert!(matches!(never.client().pay(&request()).await, PayOutcome::Refused { .. }));
}

fn refund() -> RefundRequest {
    RefundRequest { id: "019c2d6e-0000-7000-8000-000000000002".parse().unwrap(), attempt: id(), amount: Paise::new(12_345) }
}

async fn refunded_with(template: ResponseTemplate) -> RefundOutcome {
    let fake = Fake::start().await;
    Mock::given(method("POST")).and(path("/pg/payments/v2/refund")).respond_with(template).expect(1).mount(&fake.server).await;
    fake.client().refund(&refund()).await
}

#[tokio::test]
async fn a_refund_is_accepted_refused_or_in_doubt_as_a_payment_is() {
    let accepted = ResponseTemplate::new(200).set_body_json(json!({"refundId": "OMR1", "amount": 12_345, "state": "PENDING"}));
    assert_eq!(refunded_with(accepted).await, RefundOutcome::Accepted { provider_refund_id: "OMR1".into() });
    for template in [refusal(400, "BAD_REQUEST"), refusal(402, "PAYMENT_REQUIRED"), refusal(400, "INVALID_MERCHANT_ORDER_ID")] {
        assert!(matches!(refunded_with(template).await, RefundOutcome::Refused { .. }));
    }
    let doubts = [
        refusal(500, "INTERNAL_SERVER_ERROR"),
        refusal(429, "TOO_MANY_REQUESTS"),
        refusal(417, "INVALID_TRANSACTION_ID"),
        ResponseTemplate::new(200).set_body_string("<html>ok</html>"),
    ];
    for template in doubts {
        assert!(matches!(refunded_with(template).await, RefundOutcome::Ambiguous { .. }));
    }
}

#[tokio::test]
async fn a_refunds_status_is_read_by_its_state_and_an_unknown_refund_told_from_a_wrong_address() {
    let failed = json!({"state": "FAILED", "refundId": "OMR1", "amount": 12_345, "errorCode": "OTHERS", "detailedErrorCode": "500"});
    let known = RefundStatus {
        news: Some(RefundNews::Failed),
        provider_refund_id: Some("OMR1".into()),
        amount: Some(12_345),
        error_code: Some("OTHERS".into()),
    };
    let cases = [
        (ResponseTemplate::new(200).set_body_json(failed), Some(RefundAnswer::Found(known))),
        (refusal(400, "INVALID_MERCHANT_REFUND_ID"), Some(RefundAnswer::NotFound)),
        (ResponseTemplate::new(404), None),
    ];
    for (template, answer) in cases {
        let fake = Fake::start().await;
        let at = path(format!("/pg/payments/v2/refund/{}/status", refund().id));
        Mock::given(method("GET")).and(at).respond_with(template).mount(&fake.server).await;
        assert_eq!(fake.client().refund_status(refund().id).await.ok(), answer);
    }
}
