//! A running sandbox, a client of it, and a merchant that takes webhooks.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::MockClock;
use reqwest::{Client, RequestBuilder, Response};
use sandbox::{Delivery, Running, SandboxConfig};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

pub const START_MS: i64 = 1_764_000_000_000;
/// SHA-256 of the default credentials, worked out with `sha256sum`.
pub const AUTHORIZATION: &str = "d11183fa34b6bb8f497fc1aae43fe34c5f149523dd0c38c7bc1891e4d96f8668";

pub struct Rig {
    pub running: Running,
    pub clock: Arc<MockClock>,
    pub client: Client,
    pub merchant: MockServer,
}

/// Time stands still in it; the merchant answers 200 and webhooks are tried again after 20 ms.
pub async fn rig() -> Rig {
    let merchant = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&merchant).await;
    with_merchant(merchant)
}

/// A merchant that has chosen a secret in the dashboard.
pub async fn signing(secret: &str) -> Rig {
    let merchant = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&merchant).await;
    with_secret(merchant, Some(secret))
}

pub fn with_merchant(merchant: MockServer) -> Rig {
    with_secret(merchant, None)
}

fn with_secret(merchant: MockServer, secret: Option<&str>) -> Rig {
    let start: DateTime<Utc> = DateTime::from_timestamp_millis(START_MS).unwrap();
    let clock = Arc::new(MockClock::new(start));
    let mut config = SandboxConfig { clock: clock.clone(), ..SandboxConfig::default() };
    config.webhook.url = Some(format!("{}/webhook", merchant.uri()).parse().unwrap());
    config.webhook.retries = vec![Duration::from_millis(20)];
    config.webhook.secret = secret.map(Into::into);
    let running = sandbox::start(config).unwrap();
    let client = service_kit::http_client(Duration::from_secs(3)).unwrap();
    Rig { running, clock, client, merchant }
}

impl Rig {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url)
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    pub async fn token_answer(&self, form: &[(&str, &str)]) -> Response {
        self.post("/apis/identity-manager/v1/oauth/token").form(form).send().await.unwrap()
    }

    /// The header's value, made of the answer as the SDKs make it.
    pub async fn token(&self) -> String {
        let body = json_of(self.token_answer(&CREDENTIALS).await).await;
        format!("{} {}", body["token_type"].as_str().unwrap(), body["access_token"].as_str().unwrap())
    }

    pub async fn pay(&self, body: &Value) -> Response {
        self.call("checkout/v2/pay", body).await
    }

    /// A call of the payment host that has a body.
    pub async fn call(&self, path: &str, body: &Value) -> Response {
        self.post(&format!("/apis/pg/{path}")).header("authorization", self.token().await).json(body).send().await.unwrap()
    }

    /// A call of the payment host that has none.
    pub async fn ask(&self, path: &str) -> Response {
        self.get(&format!("/apis/pg/{path}")).header("authorization", self.token().await).send().await.unwrap()
    }

    /// Makes an order that is sure to be accepted.
    pub async fn order(&self, id: &str) -> Value {
        let answer = self.pay(&request(id)).await;
        assert_eq!(answer.status(), 200);
        json_of(answer).await
    }

    pub async fn status(&self, id: &str, query: &str) -> Response {
        self.get(&format!("/apis/pg/checkout/v2/order/{id}/status{query}"))
            .header("authorization", self.token().await)
            .send()
            .await
            .unwrap()
    }

    pub async fn control(&self, path: &str, body: &Value) -> Response {
        self.post(path).json(body).send().await.unwrap()
    }

    pub async fn set_weather(&self, weather: Value) {
        let request = self.client.put(self.url("/control/weather")).json(&weather);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    /// Waits until the merchant has got `count` webhooks.
    pub async fn webhooks(&self, count: usize) -> Vec<Request> {
        for _ in 0..200 {
            let got = self.merchant.received_requests().await.unwrap();
            if got.len() >= count {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the merchant got fewer than {count} webhooks");
    }

    /// Waits until the sandbox has logged `count` deliveries, which is slightly later than the merchant has them.
    pub async fn log(&self, count: usize) -> Vec<Delivery> {
        for _ in 0..200 {
            let log = self.running.sandbox().webhooks();
            if log.len() >= count {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the log has fewer than {count} deliveries");
    }

    /// The names of all events told so far, in the order in which they were caused, once there are `count`.
    pub async fn events(&self, count: usize) -> Vec<&'static str> {
        let mut log = self.log(count).await;
        log.sort_unstable_by_key(|delivery| delivery.webhook);
        log.iter().map(|delivery| delivery.event).collect()
    }

    /// The body of the latest webhook about this event.
    pub async fn told(&self, event: &str) -> Value {
        for _ in 0..200 {
            let log = self.running.sandbox().webhooks();
            if let Some(delivery) = log.iter().find(|delivery| delivery.event == event) {
                return serde_json::from_str(&delivery.body).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no {event} was told");
    }

    /// What the merchant has got after a time in which anything else would have come.
    pub async fn webhooks_after(&self, pause: Duration) -> Vec<Request> {
        tokio::time::sleep(pause).await;
        self.merchant.received_requests().await.unwrap()
    }
}

pub const CREDENTIALS: [(&str, &str); 4] = [
    ("client_id", "groundwork-local"),
    ("client_version", "1"),
    ("client_secret", "sandbox-client-secret"),
    ("grant_type", "client_credentials"),
];

pub fn request(id: &str) -> Value {
    json!({
        "merchantOrderId": id,
        "amount": 49900,
        "expireAfter": 1200,
        "metaInfo": {"udf1": "cust_42"},
        "paymentFlow": {
            "type": "PG_CHECKOUT",
            "merchantUrls": {"redirectUrl": "http://shop.example/pay/return?o=1"},
        },
    })
}

/// HTTP status and code of a refusal.
pub async fn code_of(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    (status, json_of(answer).await["code"].as_str().unwrap_or_default().to_owned())
}

pub async fn json_of(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

pub fn body_of(webhook: &Request) -> Value {
    serde_json::from_slice(&webhook.body).unwrap()
}
