//! Server-Sent Events: how long a stream lives, and its frames.

use std::time::Duration;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use service_kit::{auth::Member, http::StreamSlot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::BcmService;

/// A comment this often keeps proxies from cutting a quiet stream.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// A page opens another after that.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The life of a stream: until the process drains, the token expires, or half an hour has passed.
pub struct Life {
    draining: CancellationToken,
    ends_at: Instant,
    _slot: StreamSlot,
}

impl Life {
    /// A stream of a member's, which has `slot`.
    pub fn new(app: &BcmService, member: &Member, slot: StreamSlot) -> Self {
        let left = member.claims.expires_at - app.kit.clock.now().timestamp();
        let life = Duration::from_secs(u64::try_from(left).unwrap_or_default()).min(LONGEST);
        Self { draining: app.kit.lifecycle.draining(), ends_at: Instant::now() + life, _slot: slot }
    }

    /// When it is over.
    pub async fn over(&self) {
        tokio::select! {
            () = self.draining.cancelled() => {}
            () = tokio::time::sleep_until(self.ends_at) => {}
        }
    }
}

/// The answer with these frames.
pub fn events(frames: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(frames)
}

/// An event with its data.
pub fn frame(event: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {event}\nretry: 2000\ndata: {data}\n\n").into()
}

/// Nothing happened, and the stream is alive.
pub const fn heartbeat() -> Bytes {
    Bytes::from_static(b": still here\n\n")
}
