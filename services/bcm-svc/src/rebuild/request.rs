//! A member asks for a rebuild.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{JobId, UserId, WorkspaceId},
    role::Role,
};
use serde_json::json;
use service_kit::{
    audit,
    auth::{AuthoriseError, authorise},
    db::DbError,
    idempotency::{self, IdempotencyError, KeyedRequest, Seen},
};

use crate::{
    BcmService,
    store::{
        entitlement,
        job::{self, Job, NewJob},
        source,
    },
};

/// A rebuild that is not forced needs this much time since the last one.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// What is asked.
#[derive(Debug, Clone)]
pub struct Rebuild {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Who asks.
    pub user: UserId,
    /// Sets the rule of one an hour aside.
    pub force: bool,
    /// Why, in the asker's words.
    pub reason: String,
    /// The request's idempotency key, if it has one.
    pub key: Option<KeyedRequest>,
    /// The request's id.
    pub request_id: Option<String>,
}

/// Why no job was queued.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The asker may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The key was used otherwise.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The workspace has no entitlement.
    #[error("no entitlement")]
    NotEntitled,
    /// No answers were finalized.
    #[error("no context")]
    NoSource,
    /// The last rebuild is too recent.
    #[error("the last rebuild is too recent")]
    TooSoon {
        /// When the next one may be asked for without force.
        available_at: DateTime<Utc>,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for RequestError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Queues a rebuild, or answers the job that is already open.
pub async fn request(app: &Arc<BcmService>, request: Rebuild) -> Result<Job, RequestError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let job = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            if let Some(key) = &request.key
                && let Seen::Before(id) = idempotency::claim(connection, key, now).await?
                && let Ok(id) = id.parse::<JobId>()
                && let Some(job) = job::find(connection, request.workspace, id).await?
            {
                return Ok(job);
            }
            let job = queue(connection, &request, now).await?;
            if let Some(key) = &request.key {
                idempotency::remember(connection, key, &job.id().to_string()).await?;
            }
            Ok::<_, RequestError>(job)
        })
        .await?;
    app.rebuild_asked.notify_one();
    Ok(job)
}

async fn queue(connection: &mut AsyncPgConnection, request: &Rebuild, now: DateTime<Utc>) -> Result<Job, RequestError> {
    let workspace = request.workspace;
    authorise(connection, workspace, request.user, Role::Admin).await?;
    let entitlement = entitlement::find(connection, workspace).await?;
    if !entitlement.is_some_and(|entitlement| entitlement.holds(now)) {
        return Err(RequestError::NotEntitled);
    }
    if !source::any(connection, workspace).await? {
        return Err(RequestError::NoSource);
    }
    if let Some(open) = job::open(connection, workspace).await? {
        return Ok(open);
    }
    if !request.force
        && let Some(last) = job::last_success(connection, workspace).await?
        && let available_at = last.created_at + PAUSE
        && now < available_at
    {
        return Err(RequestError::TooSoon { available_at });
    }
    let id = JobId::generate();
    let new = NewJob { id, workspace, reason: &request.reason, forced: request.force, requested_by: request.user, at: now };
    let Some(job) = job::insert(connection, new).await? else {
        // Another request was faster; its job is visible now that its transaction ended.
        return job::open(connection, workspace).await?.ok_or(RequestError::TooSoon { available_at: now + PAUSE });
    };
    let entry = audit::Entry {
        workspace: Some(workspace),
        actor: Some(request.user),
        action: "manifest.rebuild",
        resource: &format!("rebuild/{id}"),
        outcome: "done",
        request_id: request.request_id.as_deref(),
        detail: json!({ "forced": request.force }),
    };
    audit::record(connection, now, &entry).await?;
    Ok(job)
}
