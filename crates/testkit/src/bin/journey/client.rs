//! An HTTP client that behaves like a careful browser: it retries what may be retried until a deadline.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

/// An answer with what the journey looks at.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A member of the body by JSON pointer, as text.
    pub fn text(&self, pointer: &str) -> anyhow::Result<&str> {
        self.body.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the answer has no text at {pointer}: {}", self.body))
    }
}

/// A request to be sent until it has a definite answer.
pub struct Ask<'a> {
    pub method: Method,
    pub path: &'a str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: None }
    }

    pub fn post(path: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, headers: Vec::new(), body: Some(body) }
    }

    pub fn put(path: &'a str, body: Value) -> Self {
        Self { method: Method::PUT, path, headers: Vec::new(), body: Some(body) }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// One person's client.
pub struct Client {
    http: reqwest::Client,
    base: String,
    pub token: Option<String>,
    deadline: Instant,
}

impl Client {
    pub fn new(base: &str, deadline: Instant) -> anyhow::Result<Self> {
        let http = service_kit::http_client(Duration::from_secs(15))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token: None, deadline })
    }

    /// Sends until something answers that is neither a broken connection nor "try again".
    pub async fn send(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let mut pause = Duration::from_millis(100);
        loop {
            let trouble = match self.send_once(ask).await {
                Ok(answer) if !try_again(answer.status) => return Ok(answer),
                Ok(answer) => format!("{} {}", answer.status, answer.body),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() + pause > self.deadline {
                bail!("{} {} had no definite answer in time: {trouble}", ask.method, ask.path);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Sends and requires a 2xx answer.
    pub async fn expect(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let answer = self.send(ask).await?;
        if !answer.status.is_success() {
            bail!("{} {} answered {}: {}", ask.method, ask.path, answer.status, answer.body);
        }
        Ok(answer)
    }

    /// Asks again until `ready` is content with the answer.
    pub async fn until(&self, what: &str, ask: Ask<'_>, ready: impl Fn(&Answer) -> bool) -> anyhow::Result<Answer> {
        loop {
            let answer = self.send(&ask).await?;
            if ready(&answer) {
                return Ok(answer);
            }
            if Instant::now() > self.deadline {
                bail!("{what} did not happen in time; the last answer was {} {}", answer.status, answer.body);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn send_once(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let mut request = self.http.request(ask.method.clone(), format!("{}{}", self.base, ask.path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let bytes = answer.bytes().await?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, etag, body, bytes })
    }
}

fn try_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
