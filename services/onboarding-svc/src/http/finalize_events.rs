//! `GET /api/onboarding/finalize/{number}/events`: what becomes of a context, as Server-Sent Events.

use std::time::Duration;

use actix_web::{
    HttpResponse, get,
    web::{Data, Path},
};
use bytes::Bytes;
use domain::ErrorCode;
use futures_util::{Stream, stream};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody, StreamSlot},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    editor,
    finalize::{FinalizeStatus, number},
};
use crate::{
    OnboardingService,
    finalize::lookup::{Fate, StoredContext, fate, lookup},
    standing::Onboarding,
};

/// A comment this often keeps proxies from cutting a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream does not outlive a token by much; the page opens another.
const LONGEST: Duration = Duration::from_secs(30 * 60);

struct Following {
    onboardings: watch::Receiver<Onboarding>,
    context: StoredContext,
    told: Option<Fate>,
    draining: CancellationToken,
    ends_at: tokio::time::Instant,
    _slot: StreamSlot,
}

/// The status of a finalized context now and after every change, as events `finalize` with the status as data, until its manifest
/// exists, could not be made, or a later context took its place.
#[utoipa::path(
    tag = "finalize",
    security(("bearer" = [])),
    params(
        ("number" = u64, Path, description = "The number of the context."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such context or workspace.", body = ProblemBody),
        (status = 429, description = "Too many event streams of the user are open.", body = ProblemBody),
        (status = 503, description = "A dependency is down, or too many event streams are open.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/finalize/{number}/events")]
pub(super) async fn finalize_events(app: Data<OnboardingService>, member: Member, path: Path<String>) -> Result<HttpResponse, Problem> {
    let found = lookup(&app, &editor(&member), number(&path)?).await?;
    let (onboarding, context) = found.ok_or_else(|| Problem::new(ErrorCode::ContextNotFound))?;
    let slot = app.kit.streams.open(member.user())?;
    let mut onboardings = app.watch.follow(&onboarding);
    onboardings.mark_changed();
    let following = Following {
        onboardings,
        context,
        told: None,
        draining: app.kit.lifecycle.draining(),
        ends_at: tokio::time::Instant::now() + LONGEST,
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
        loop {
            if following.told.as_ref().is_some_and(|fate| *fate != Fate::Finalizing) {
                return None;
            }
            tokio::select! {
                biased;
                changed = following.onboardings.changed() => {
                    changed.ok()?;
                    let fate = {
                        let known = following.onboardings.borrow_and_update();
                        // What another stream read before this context was made.
                        if known.context_number.is_none_or(|latest| latest < following.context.number) {
                            continue;
                        }
                        fate(&known, following.context.number)
                    };
                    if following.told.as_ref() == Some(&fate) {
                        continue;
                    }
                    let frame = frame(&FinalizeStatus::of(&following.context, &fate));
                    following.told = Some(fate);
                    return Some((Ok(frame), following));
                }
                () = following.draining.cancelled() => return None,
                () = tokio::time::sleep_until(following.ends_at) => return None,
                () = tokio::time::sleep(HEARTBEAT) => return Some((Ok(Bytes::from_static(b": still here\n\n")), following)),
            }
        }
    })
}

fn frame(status: &FinalizeStatus) -> Bytes {
    let data = serde_json::to_string(status).unwrap_or_default();
    format!("event: finalize\nretry: 2000\ndata: {data}\n\n").into()
}
