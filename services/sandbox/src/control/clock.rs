//! The sandbox's time.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    web::{Bytes, Data, Either, Form},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::{asked, refuse, to_dashboard, unreadable};
use crate::state::Sandbox;

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    /// So much further, in seconds.
    advance_s: Option<u32>,
    /// To this instant, in RFC 3339.
    now: Option<DateTime<Utc>>,
}

/// `now` in RFC 3339, and by how much the clock was moved, in milliseconds.
pub(super) async fn show(sandbox: Data<Sandbox>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"now": sandbox.now(), "moved_ms": sandbox.clock_moved_by().num_milliseconds()}))
}

pub(super) async fn set(sandbox: Data<Sandbox>, body: Either<Form<Move>, Bytes>) -> HttpResponse {
    let (to, by_form) = match asked(body) {
        Ok(asked) => asked,
        Err(error) => return unreadable(&error),
    };
    match to {
        Move { advance_s: Some(seconds), now: None } => sandbox.advance_clock(Duration::from_secs(seconds.into())),
        Move { advance_s: None, now: Some(now) } => {
            if let Err(error) = sandbox.set_clock(now) {
                return refuse(error);
            }
        }
        Move { .. } => return HttpResponse::BadRequest().json(json!({"error": "either advance_s or now"})),
    }
    if by_form { to_dashboard() } else { show(sandbox).await }
}
