//! `GET /api/context/events`: which version is read, as Server-Sent Events.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use bytes::Bytes;
use domain::ids::WorkspaceId;
use futures_util::{Stream, stream};
use serde::Serialize;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};
use utoipa::ToSchema;

use super::stream::{HEARTBEAT, Life, events, frame, heartbeat};
use crate::{BcmService, manifest::ReadError, tiers::Reader};

/// A move that was not heard of is seen after this long: the life of a head pointer.
const LOOK: Duration = Duration::from_secs(5);

/// Which version is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HeadEvent)]
pub struct HeadBody {
    /// Rises with every new version and every move of the pin.
    generation: u64,
    /// The newest version's place among the versions.
    latest: u64,
    /// The place of the version for consumers.
    sequence: u64,
    /// Its semantic version.
    version: String,
    /// The checksum of its content.
    checksum: String,
    /// Whether consumers are kept on it.
    pinned: bool,
}

struct Following {
    app: web::Data<BcmService>,
    member: Member,
    moves: Receiver<Option<WorkspaceId>>,
    told: Option<HeadBody>,
    /// When something was last sent.
    sent: Instant,
    first: bool,
    life: Life,
}

/// The version that is read now and after every change of it, as events `head` (see `HeadEvent`): an open page sees a new
/// version at once. Nothing is told while there is none. Ends with the token, or after half an hour.
#[utoipa::path(
    tag = "manifest",
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "The stream; each event's data is a HeadEvent", body = HeadBody, content_type = "text/event-stream"),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many event streams of the user are open", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down, or too many event streams are open", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/events")]
pub async fn head_events(app: web::Data<BcmService>, member: Member) -> Result<HttpResponse, Problem> {
    let slot = app.kit.streams.open(member.user())?;
    let life = Life::new(&app, &member, slot);
    let moves = app.tiers.moves();
    Ok(events(frames(Following { app, member, moves, told: None, sent: Instant::now(), first: true, life })))
}

fn frames(following: Following) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold(following, |mut following| async move {
        loop {
            if !std::mem::take(&mut following.first) {
                tokio::select! {
                    biased;
                    () = following.life.over() => return None,
                    () = moved(&mut following.moves, following.member.workspace) => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            match following.look().await {
                Ok(Some(head)) if following.told.as_ref() != Some(&head) => {
                    let bytes = frame("head", &head);
                    (following.told, following.sent) = (Some(head), Instant::now());
                    return Some((Ok(bytes), following));
                }
                // A member who was removed meanwhile is told nothing more.
                Err(ReadError::NotAMember) => return None,
                Ok(_) | Err(_) if following.sent.elapsed() >= HEARTBEAT => {
                    following.sent = Instant::now();
                    return Some((Ok(heartbeat()), following));
                }
                Ok(_) | Err(_) => {}
            }
        }
    })
}

impl Following {
    async fn look(&self) -> Result<Option<HeadBody>, ReadError> {
        let role = self.app.kit.membership.role(self.member.workspace, self.member.user()).await?;
        role.ok_or(ReadError::NotAMember)?;
        let reader = Reader::member(&self.member);
        let read = async {
            let pointer = self.app.tiers.head(&reader).await?.pointer;
            let found = self.app.tiers.version(&reader, pointer.live).await?;
            let record = &found.document.record;
            Ok(HeadBody {
                generation: pointer.generation,
                latest: pointer.latest,
                sequence: record.sequence,
                version: record.version.to_string(),
                checksum: record.checksum.to_string(),
                pinned: pointer.is_pinned(),
            })
        };
        match read.await {
            Ok(head) => Ok(Some(head)),
            Err(ReadError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Until the workspace's head may have moved.
async fn moved(moves: &mut Receiver<Option<WorkspaceId>>, workspace: WorkspaceId) {
    loop {
        match moves.recv().await {
            Ok(None) | Err(RecvError::Lagged(_)) => return,
            Ok(Some(whose)) if whose == workspace => return,
            Ok(Some(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
