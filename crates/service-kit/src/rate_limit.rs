//! A token bucket in Redis (one script, one round trip), with an in-process bucket when Redis is down.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use domain::{Clock, ErrorCode};

use crate::{
    cache::{Cache, client::Script},
    config::LimitsProfile,
    http::Problem,
    metrics::Metrics,
};

/// A limit: `burst` requests at once, refilled evenly over `per_s` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Names the limit in keys, headers and metrics.
    pub name: &'static str,
    /// Size of the bucket.
    pub burst: u32,
    /// Seconds in which an empty bucket fills.
    pub per_s: u32,
}

/// The answer of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Tokens left.
    pub remaining: u32,
    /// Seconds until a token is there again.
    pub retry_after_s: u32,
    /// The limit that decided.
    pub limit: Limit,
}

static BUCKET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rate_limit.lua")));

/// At most this many in-process buckets are kept when Redis is down.
const LOCAL_BUCKETS: usize = 10_000;
/// In the `load` profile every bucket is this much larger.
const LOAD_FACTOR: u32 = 1000;

/// All limits of a process.
#[derive(Clone)]
pub struct RateLimiter {
    cache: Cache,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    profile: LimitsProfile,
    local: Arc<Mutex<HashMap<String, (f64, i64)>>>,
}

impl RateLimiter {
    /// A limiter on the given cache.
    pub fn new(cache: Cache, clock: Arc<dyn Clock>, metrics: Metrics, profile: LimitsProfile) -> Self {
        Self { cache, clock, metrics, profile, local: Arc::default() }
    }

    /// Takes a token from the bucket of `subject` (an address, a user id …).
    pub async fn take(&self, limit: Limit, subject: &str) -> Decision {
        let limit = match self.profile {
            LimitsProfile::Default => limit,
            LimitsProfile::Load => Limit { burst: limit.burst.saturating_mul(LOAD_FACTOR), ..limit },
        };
        let key = format!("limit:{}:{subject}", limit.name);
        let now_ms = self.clock.now().timestamp_millis();
        let mut script = BUCKET.prepare_invoke();
        script.key(&key).arg(limit.burst).arg(limit.per_s).arg(now_ms);
        let (allowed, remaining, retry_after_s) = match self.cache.script::<(bool, u32, u32)>(&script).await {
            Ok(decision) => decision,
            Err(_) => self.take_locally(limit, key, now_ms),
        };
        self.metrics.rate_limited_total.with_label_values(&[limit.name]).inc_by(u64::from(!allowed));
        Decision { allowed, remaining, retry_after_s, limit }
    }

    fn take_locally(&self, limit: Limit, key: String, now_ms: i64) -> (bool, u32, u32) {
        let mut buckets = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= LOCAL_BUCKETS && !buckets.contains_key(&key) {
            let horizon = now_ms - i64::from(limit.per_s) * 1000;
            buckets.retain(|_, (_, seen)| *seen > horizon);
        }
        let (burst, per_ms) = (f64::from(limit.burst), f64::from(limit.burst) / (f64::from(limit.per_s) * 1000.0));
        let (tokens, seen) = buckets.get(&key).copied().unwrap_or((burst, now_ms));
        let elapsed = f64::from(i32::try_from((now_ms - seen).max(0)).unwrap_or(i32::MAX));
        let tokens = (tokens + elapsed * per_ms).min(burst);
        let allowed = tokens >= 1.0;
        let left = if allowed { tokens - 1.0 } else { tokens };
        buckets.insert(key, (left, now_ms));
        let retry_after = if allowed { 0 } else { whole((1.0 - left) / per_ms / 1000.0).max(1) };
        (allowed, whole(left.floor()), retry_after)
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are bounded by a bucket's size"
)]
fn whole(value: f64) -> u32 {
    value.ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

impl Decision {
    /// Headers of the draft standard that go on the answer, allowed or not.
    pub fn headers(&self) -> [(&'static str, String); 2] {
        [
            ("RateLimit-Policy", format!(r#""{}";q={};w={}"#, self.limit.name, self.limit.burst, self.limit.per_s)),
            ("RateLimit", format!(r#""{}";r={};t={}"#, self.limit.name, self.remaining, self.retry_after_s)),
        ]
    }

    /// 429 with `Retry-After` unless the request may go on.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn or_refuse(self) -> Result<Self, Problem> {
        if self.allowed {
            return Ok(self);
        }
        let problem = Problem::new(ErrorCode::RateLimited).retry_after(u64::from(self.retry_after_s.max(1)));
        Err(self.headers().into_iter().fold(problem, |problem, (name, value)| problem.header(name, value)))
    }
}
