//! A running auth-svc and a client of it.

use std::net::TcpListener;

use auth_svc::AuthService;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use testkit::{Database, Running, config};
use uuid::Uuid;

pub const PASSWORD: &str = "correct horse battery";

pub struct Rig {
    pub database: Database,
    pub running: Running,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}: {self:?}")).to_owned()
    }

    /// The error code in Supabase's old shape.
    pub fn error_code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Rig {
    /// With wide rate limits, so that a test meets only what it asks about.
    pub async fn start() -> Self {
        Self::start_with(&[("GROUNDWORK__LIMITS__PROFILE", "load")]).await
    }

    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let running = serve(&database, more);
        Self { database, running }
    }

    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = client().request(method, format!("{}{path}", self.running.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, None, Some(&body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, Some(token), None).await
    }

    /// Signs a new user up and gives the session.
    pub async fn sign_up(&self) -> Answer {
        let email = format!("{}@example.test", Uuid::now_v7().simple());
        let answer = self.post("/auth/v1/signup", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/v1/token?grant_type=password", json!({"email": email, "password": password})).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/v1/token?grant_type=refresh_token", json!({"refresh_token": token})).await
    }
}

/// Starts a replica on the database.
pub fn serve(database: &Database, more: &[(&str, &str)]) -> Running {
    // The service verifies its own tokens by its own key set, so its address must be known before it starts.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let key_set = format!("http://{address}/auth/v1/.well-known/jwks.json");
    let mut pairs = vec![("GROUNDWORK__HTTP__PUBLIC_ADDR", address.as_str()), ("GROUNDWORK__AUTH__JWKS_URL", key_set.as_str())];
    pairs.extend_from_slice(more);
    Running::start::<AuthService>(config::<AuthService>(database, None, &pairs), false)
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

pub fn client() -> reqwest::Client {
    service_kit::http_client(std::time::Duration::from_secs(30)).unwrap()
}
