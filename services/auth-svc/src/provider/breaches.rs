//! A service that knows the passwords of past breaches, asked without telling it the password: it gets five of the forty
//! digits of a hash, and answers with every hash that begins so (Pwned Passwords, *Searching by range*).

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use prometheus::IntCounterVec;

/// Nobody waits longer for it; a password that could not be looked up is taken.
const LIMIT: Duration = Duration::from_secs(1);
/// A thousand hashes take 40 KiB.
const MAX_ANSWER: usize = 256 * 1024;

/// The service.
#[derive(Debug, Clone)]
pub struct Breaches {
    http: reqwest::Client,
    endpoint: String,
    checks: IntCounterVec,
}

impl Breaches {
    /// Asks at `{endpoint}/{prefix}`; counts what came of it.
    pub fn new(http: reqwest::Client, endpoint: &str, checks: IntCounterVec) -> Self {
        Self { http, endpoint: endpoint.trim_end_matches('/').to_owned(), checks }
    }

    /// Whether the password is known. It is not when the service does not tell in time: an outage of somebody else's must
    /// not keep people from changing a password.
    pub async fn know(&self, password: &str) -> bool {
        let hash = hex::encode_upper(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()));
        let (prefix, rest) = hash.split_at(5);
        let (known, outcome) = match tokio::time::timeout(LIMIT, self.range(prefix)).await {
            Ok(Ok(range)) if lists(&range, rest) => (true, "breached"),
            Ok(Ok(_)) => (false, "clear"),
            Ok(Err(reason)) => (false, unavailable(&reason)),
            Err(_) => (false, unavailable("no answer in time")),
        };
        self.checks.with_label_values(&[outcome]).inc();
        known
    }

    async fn range(&self, prefix: &str) -> Result<String, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        // Padding: the length of an encrypted answer would tell which prefix it is of.
        let asked = self.http.get(format!("{}/{prefix}", self.endpoint)).header("Add-Padding", "true").send().await;
        let mut answer = asked.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err("an answer that is too long".to_owned());
            }
        }
        String::from_utf8(body).map_err(|_| "an answer that is no text".to_owned())
    }
}

fn unavailable(reason: &str) -> &'static str {
    tracing::warn!(reason, "a password was not looked up among breached ones, and was taken");
    "unavailable"
}

/// Lines are `REST:COUNT`; a count of 0 is padding.
fn lists(range: &str, rest: &str) -> bool {
    let mut lines = range.lines().filter_map(|line| line.trim_end().split_once(':'));
    lines.any(|(known, count)| known.eq_ignore_ascii_case(rest) && count.trim() != "0")
}

#[cfg(test)]
mod tests {
    use service_kit::metrics::counters;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{header, method, path},
    };

    use super::*;

    fn service(url: &str) -> Breaches {
        let checks = counters(&prometheus::Registry::new(), "checks", "Checks", "outcome", &["breached", "clear", "unavailable"]).unwrap();
        Breaches::new(service_kit::http_client(Duration::from_secs(5)).unwrap(), url, checks)
    }

    fn count(service: &Breaches) -> [u64; 3] {
        ["breached", "clear", "unavailable"].map(|outcome| service.checks.with_label_values(&[outcome]).get())
    }

    /// SHA-1 of `password`, the example of the documentation.
    const PREFIX: &str = "5BAA6";
    const REST: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";

    async fn answers(answer: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path(format!("/range/{PREFIX}")))
            .and(header("add-padding", "true"))
            .respond_with(answer)
            .mount(&server)
            .await;
        server
    }

    #[tokio::test]
    async fn a_breached_password_is_known_by_a_part_of_its_hash() {
        let other = "0018A45C4D1DEF81644B54AB7F969B88D65:1";
        for (body, known) in
            [(format!("{other}\r\n{REST}:9545824\r\n"), true), (format!("{REST}:0\r\n{other}"), false), (String::new(), false)]
        {
            let server = answers(ResponseTemplate::new(200).set_body_string(body.clone())).await;
            let service = service(&format!("{}/range/", server.uri()));
            assert_eq!(service.know("password").await, known, "{body}");
            assert_eq!(count(&service), if known { [1, 0, 0] } else { [0, 1, 0] });
        }
    }

    #[tokio::test]
    async fn a_service_that_does_not_tell_keeps_nobody_from_a_password() {
        for answer in [
            ResponseTemplate::new(503),
            ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe]),
            ResponseTemplate::new(200).set_body_string("x".repeat(MAX_ANSWER + 1)),
            ResponseTemplate::new(200).set_body_string(format!("{REST}:3")).set_delay(LIMIT * 2),
        ] {
            let server = answers(answer).await;
            let service = service(&format!("{}/range", server.uri()));
            assert!(!service.know("password").await);
            assert_eq!(count(&service), [0, 0, 1]);
        }
        let away = service("http://127.0.0.1:1/range");
        assert!(!away.know("password").await);
    }
}
