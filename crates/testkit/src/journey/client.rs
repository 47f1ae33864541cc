//! An HTTP client that behaves like a careful browser: it retries what may be retried until a deadline.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

/// An answer with what the journey looks at.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// `ETag`, as it came.
    pub etag: Option<String>,
    /// The body, `null` when it is no JSON.
    pub body: Value,
    /// The body's bytes.
    pub bytes: Vec<u8>,
    /// Whether the body is a problem document.
    pub problem: bool,
}

impl Answer {
    /// A member of the body by JSON pointer, as text.
    pub fn text(&self, pointer: &str) -> anyhow::Result<&str> {
        self.body.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the answer has no text at {pointer}: {}", self.body))
    }
}

/// A request to be sent until it has a definite answer.
#[derive(Debug)]
pub struct Ask<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

/// What became of one request.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What was asked for.
    pub path: &'a str,
    /// The answer's status; none when the connection failed.
    pub status: Option<StatusCode>,
    /// Whether the answer is a problem document.
    pub problem: bool,
    /// How long it took.
    pub took: Duration,
}

/// Is told of every single request, those that are repeated as well.
pub type Observer = Arc<dyn Fn(&Seen<'_>) + Send + Sync>;

impl<'a> Ask<'a> {
    /// A GET.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: None }
    }

    /// A POST of JSON.
    pub fn post(path: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, headers: Vec::new(), body: Some(body) }
    }

    /// A PUT of JSON.
    pub fn put(path: &'a str, body: Value) -> Self {
        Self { method: Method::PUT, path, headers: Vec::new(), body: Some(body) }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// One person's client.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// The access token, once signed in.
    pub token: Option<String>,
    deadline: Instant,
    observer: Option<Observer>,
}

impl Client {
    /// A client of its own, which gives up at `deadline`.
    pub fn new(base: &str, deadline: Instant) -> anyhow::Result<Self> {
        Ok(Self::with(service_kit::http_client(Duration::from_secs(15))?, base, deadline))
    }

    /// The same over connections that others use as well.
    pub fn with(http: reqwest::Client, base: &str, deadline: Instant) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned(), token: None, deadline, observer: None }
    }

    /// The same person with another deadline.
    #[must_use]
    pub fn until_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same person, watched.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// A client for another address: nobody is signed in, nobody watches.
    pub(super) fn elsewhere(&self, base: &str) -> Self {
        Self::with(self.http.clone(), base, self.deadline)
    }

    /// Whether its deadline is still to come.
    pub(super) fn has_time(&self) -> bool {
        Instant::now() < self.deadline
    }

    /// Sends until something answers that is neither a broken connection nor "try again".
    pub async fn send(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let mut pause = Duration::from_millis(100);
        loop {
            let trouble = match self.once(ask).await {
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

    /// Sends once, whatever comes of it.
    pub async fn once(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        let begun = Instant::now();
        let answer = self.exchange(ask).await;
        if let Some(observer) = &self.observer {
            let (status, problem) = answer.as_ref().map_or((None, false), |answer| (Some(answer.status), answer.problem));
            observer(&Seen { path: ask.path, status, problem, took: begun.elapsed() });
        }
        answer
    }

    async fn exchange(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
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
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = header("etag");
        let problem = header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
        let bytes = answer.bytes().await?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, etag, body, bytes, problem })
    }
}

fn try_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
