//! `GET /api/context/rebuild/{job}/events`: a rebuild's progress as Server-Sent Events.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use bytes::Bytes;
use domain::{ErrorCode, ids::JobId};
use futures_util::{Stream, stream};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use tokio::time::Instant;

use super::{
    rebuild::JobBody,
    stream::{HEARTBEAT, Life, events, frame, heartbeat},
};
use crate::{BcmService, manifest::ReadError, rebuild::status::status as read, store::job::Job, tiers::Reader};

/// How often the job is looked at. A rebuild takes less than a second once it runs.
const LOOK: Duration = Duration::from_millis(500);

struct Following {
    app: web::Data<BcmService>,
    reader: Reader,
    id: JobId,
    /// What is to be told next, before anything is looked at.
    next: Option<Job>,
    told: String,
    sent: Instant,
    ended: bool,
    life: Life,
}

/// The job now and after every change, as events `job` with the job as data, until it has ended.
#[utoipa::path(
    tag = "rebuild",
    params(("job" = String, Path, description = "The job's id"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "The stream; each event's data is a RebuildJob", body = JobBody, content_type = "text/event-stream"),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job (BCM-0007), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many event streams of the user are open", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down, or too many event streams are open", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/rebuild/{job}/events")]
pub async fn job_events(app: web::Data<BcmService>, member: Member, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(ErrorCode::JobNotFound);
    let id = path.parse().map_err(|_| unknown())?;
    let reader = Reader::member(&member);
    let job = read(&app, &reader, id).await?.ok_or_else(unknown)?;
    let slot = app.kit.streams.open(member.user())?;
    let life = Life::new(&app, &member, slot);
    let following = Following { app, reader, id, next: Some(job), told: String::new(), sent: Instant::now(), ended: false, life };
    Ok(events(frames(following)))
}

fn frames(following: Following) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold(following, |mut following| async move {
        if following.ended {
            return None;
        }
        loop {
            if following.next.is_none() {
                tokio::select! {
                    biased;
                    () = following.life.over() => return None,
                    () = tokio::time::sleep(LOOK) => {}
                }
                following.next = match read(&following.app, &following.reader, following.id).await {
                    Ok(Some(job)) => Some(job),
                    // Not visible any more: the member was removed, or the workspace is gone.
                    Ok(None) | Err(ReadError::NotAMember) => return None,
                    Err(_) => None,
                };
            }
            let changed = following.next.take().filter(|job| job.state != following.told);
            if let Some(job) = changed {
                following.ended = job.finished_at.is_some();
                following.told.clone_from(&job.state);
                following.sent = Instant::now();
                return Some((Ok(frame("job", &JobBody::from(job))), following));
            }
            if following.sent.elapsed() >= HEARTBEAT {
                following.sent = Instant::now();
                return Some((Ok(heartbeat()), following));
            }
        }
    })
}
