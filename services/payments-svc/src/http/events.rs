//! `GET /api/payments/v2/orders/{id}/events`: the order's changes as Server-Sent Events.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody, StreamSlot},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::orders::{OrderBody, is_final, order_of};
use crate::{app::App, store::order::Order};

/// A comment this often keeps proxies from cutting a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream does not outlive a token by much; the page opens another.
const LONGEST: Duration = Duration::from_secs(30 * 60);

struct Following {
    orders: watch::Receiver<Order>,
    draining: CancellationToken,
    ends_at: tokio::time::Instant,
    last: bool,
    _slot: StreamSlot,
}

/// The order now and after every change, as events `order` with the order as data, until nothing is left to wait for.
#[utoipa::path(
    tag = "orders",
    security(("bearer" = [])),
    params(("order_id" = String, Path), ("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 404, description = "No such order in the workspace", body = ProblemBody),
        (status = 429, description = "Too many event streams of the user are open", body = ProblemBody),
        (status = 503, description = "A dependency does not answer, or too many event streams are open", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/orders/{order_id}/events")]
pub(super) async fn order_events(app: web::Data<App>, member: Member, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let order = order_of(&app, &member, &id).await?;
    let slot = app.kit.streams.open(member.user())?;
    let mut orders = app.watch.follow(&order);
    orders.mark_changed();
    let following = Following {
        orders,
        draining: app.kit.lifecycle.draining(),
        ends_at: tokio::time::Instant::now() + LONGEST,
        last: false,
        _slot: slot,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(frames(following)))
}

fn frames(following: Following) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold(following, |mut following| async move {
        if following.last {
            return None;
        }
        tokio::select! {
            biased;
            changed = following.orders.changed() => {
                changed.ok()?;
                let order = following.orders.borrow_and_update().clone();
                following.last = is_final(&order);
                Some((Ok(frame(&order)), following))
            }
            () = following.draining.cancelled() => None,
            () = tokio::time::sleep_until(following.ends_at) => None,
            () = tokio::time::sleep(HEARTBEAT) => Some((Ok(Bytes::from_static(b": still here\n\n")), following)),
        }
    })
}

fn frame(order: &Order) -> Bytes {
    let data = serde_json::to_string(&OrderBody::from(order)).unwrap_or_default();
    format!("event: order\nretry: 2000\ndata: {data}\n\n").into()
}
