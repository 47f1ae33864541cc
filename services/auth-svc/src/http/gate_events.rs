//! `GET /api/auth/gate/events`: the gate's answer and every change of it, as Server-Sent Events.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, get, http::header::EntityTag, web};
use bytes::Bytes;
use domain::ids::WorkspaceId;
use futures_util::{Stream, stream};
use service_kit::{
    auth::{Authenticated, Claims},
    http::{Problem, ProblemBody, StreamSlot},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::profile::{Answer, named_workspace};
use crate::AuthService;

/// A comment this often keeps proxies from cutting a quiet stream; what changes by time alone is told then.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A page opens another after that.
const LONGEST: Duration = Duration::from_secs(30 * 60);

struct Following {
    app: web::Data<AuthService>,
    claims: Claims,
    named: Option<WorkspaceId>,
    /// Changes when the answer may have; absent without a workspace.
    state: Option<watch::Receiver<String>>,
    first: Option<Answer>,
    told: EntityTag,
    draining: CancellationToken,
    ends_at: Instant,
    _slot: StreamSlot,
}

/// The answer of `verify-profile` now and after every change, as events `gate`: a page moves on by itself when a payment or
/// a manifest arrives. Ends with the token, or after half an hour.
#[utoipa::path(
    tag = "profile",
    params(("X-Workspace-Id" = Option<String>, Header, description = "A workspace of the caller")),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 400, description = "GW-0017", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: not a workspace of the caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "GW-0010: too many event streams of the user", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011 or GW-0024", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/gate/events")]
pub(super) async fn gate_events(app: web::Data<AuthService>, request: HttpRequest, caller: Authenticated) -> Result<HttpResponse, Problem> {
    let named = named_workspace(&request)?;
    let first = Answer::of(&app, &caller.claims, named).await?;
    let slot = app.kit.streams.open(caller.claims.user)?;
    let state = first.workspace().map(|workspace| app.watch.follow(workspace));
    let left = caller.claims.expires_at - app.kit.clock.now().timestamp();
    let life = Duration::from_secs(u64::try_from(left).unwrap_or_default()).min(LONGEST);
    let following = Following {
        draining: app.kit.lifecycle.draining(),
        app,
        claims: caller.claims,
        named,
        state,
        told: first.tag().clone(),
        first: Some(first),
        ends_at: Instant::now() + life,
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
        if let Some(first) = following.first.take() {
            following.told = first.tag().clone();
            return Some((Ok(frame(&first)), following));
        }
        loop {
            let quiet = tokio::select! {
                biased;
                () = following.draining.cancelled() => return None,
                () = tokio::time::sleep_until(following.ends_at) => return None,
                () = changed(&mut following.state) => false,
                () = tokio::time::sleep(HEARTBEAT) => true,
            };
            match Answer::of(&following.app, &following.claims, following.named).await {
                Ok(answer) if *answer.tag() != following.told => {
                    following.told = answer.tag().clone();
                    return Some((Ok(frame(&answer)), following));
                }
                // A member who was removed meanwhile is told nothing more.
                Err(problem) if problem.code().status() < 500 => return None,
                Ok(_) | Err(_) if quiet => return Some((Ok(Bytes::from_static(b": still here\n\n")), following)),
                Ok(_) | Err(_) => {}
            }
        }
    })
}

fn frame(answer: &Answer) -> Bytes {
    format!("event: gate\nretry: 2000\ndata: {}\n\n", answer.json()).into()
}

async fn changed(state: &mut Option<watch::Receiver<String>>) {
    let told = match state {
        Some(state) => state.changed().await.is_ok(),
        None => false,
    };
    if !told {
        std::future::pending::<()>().await;
    }
}
