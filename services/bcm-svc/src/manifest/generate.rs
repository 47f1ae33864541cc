//! A reduced context becomes a version of its workspace, once for each cause.

use chrono::{DateTime, SubsecRound, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    canonical::Checksum,
    event::{Event, ManifestGenerated},
    ids::{UserId, WorkspaceId},
    manifest::{Content, Reason, Record, Source, Version, next_version},
    reduce::{Policy, REDUCER_VERSION, Reduced},
};
use messaging::outbox::{self, OutboxError};
use serde_json::json;
use service_kit::{audit, db::DbError};
use uuid::Uuid;

use super::{ReadError, stored};
use crate::{
    metrics::Metrics,
    store::{
        head, source,
        version::{self, NewVersion},
    },
};

/// A context that was reduced.
#[derive(Debug)]
pub struct Prepared {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The context's number.
    pub number: u64,
    /// Its SHA-256.
    pub sha256: Checksum,
    /// What it was reduced with.
    pub policy: Policy,
    /// What the reducer made of it.
    pub reduced: Reduced,
}

/// Why a version is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The answers were finalized.
    Finalized {
        /// The event.
        event: Uuid,
        /// Who finalized.
        by: UserId,
    },
    /// Someone asked to make it again.
    Rebuild {
        /// The job.
        job: Uuid,
        /// Who asked.
        by: UserId,
    },
    /// The reducer or the policy changed, and an operator had it made again from its own context.
    Upgrade {
        /// The same for the same version before, reducer and policy.
        id: Uuid,
        /// The version before, whose context was reduced.
        of: u64,
    },
}

impl Cause {
    const fn id(self) -> Uuid {
        match self {
            Self::Finalized { event: id, .. } | Self::Rebuild { job: id, .. } | Self::Upgrade { id, .. } => id,
        }
    }

    /// The member who caused it.
    const fn by(self) -> Option<UserId> {
        match self {
            Self::Finalized { by, .. } | Self::Rebuild { by, .. } => Some(by),
            Self::Upgrade { .. } => None,
        }
    }

    /// The reason of a version that is not the first.
    const fn reason(self) -> Reason {
        match self {
            Self::Finalized { .. } => Reason::Edit,
            Self::Rebuild { .. } | Self::Upgrade { .. } => Reason::Rebuild,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A new version is the current one.
    New(Record),
    /// The current version has this content already.
    Unchanged(Record),
    /// A newer context was dealt with first, or a newer version than the one that was to be made again.
    Superseded,
    /// This cause has its version already.
    Repeated,
}

impl Outcome {
    /// The outcome's name, for metrics and answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New(_) => "new",
            Self::Unchanged(_) => "unchanged",
            Self::Superseded => "superseded",
            Self::Repeated => "repeated",
        }
    }
}

/// Why no version could be made now.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The current version cannot be read, so there is nothing to compare with.
    #[error("the current version: {0}")]
    Current(ReadError),
    /// A content or provenance that is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The event could not be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<diesel::result::Error> for GenerateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Inside the caller's transaction, which holds the context: locks the head, decides whether this is a new version, and
/// writes version, head, audit row and event. A finalize whose content did not change is still told, because somebody
/// waits for the answer to its context.
pub async fn generate(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    prepared: &Prepared,
    cause: Cause,
    metrics: &Metrics,
) -> Result<Outcome, GenerateError> {
    let workspace = prepared.workspace;
    let (first, checksum) = (Version::FIRST.to_string(), prepared.reduced.checksum.to_string());
    let mut current = head::lock(connection, workspace).await?;
    if current.is_none() && !head::insert_first(connection, workspace, &first, &checksum, now).await? {
        current = head::lock(connection, workspace).await?;
    }
    let Some(current) = current.map(|head| head.latest) else {
        let reason = match cause {
            Cause::Finalized { .. } => Reason::Onboarding,
            Cause::Rebuild { .. } | Cause::Upgrade { .. } => Reason::Rebuild,
        };
        let record = record(prepared, cause, now, 1, Version::FIRST, reason);
        append(connection, prepared, &record, cause).await?;
        tell(connection, now, &record, prepared.number, reason).await?;
        return Ok(Outcome::New(record));
    };
    if version::answers(connection, workspace, cause.id()).await? {
        return Ok(Outcome::Repeated);
    }
    // Looked at under the lock: whoever had it before has committed its context with its version. A version that is made again
    // from its own context must still be the newest one.
    let superseded = match cause {
        Cause::Upgrade { of, .. } => current != of,
        Cause::Finalized { .. } | Cause::Rebuild { .. } => source::newer_than(connection, workspace, prepared.number).await?,
    };
    if superseded {
        return Ok(Outcome::Superseded);
    }
    let held = stored::read(connection, workspace, current, metrics).await.map_err(GenerateError::Current)?;
    let held = held.ok_or(GenerateError::Current(ReadError::Corrupt))?;
    let before: Content = serde_json::from_slice(&held.content)?;
    let next = if held.record.checksum == prepared.reduced.checksum {
        None
    } else {
        next_version(held.record.version, &before, &prepared.reduced.content)
    };
    let Some(version) = next else {
        if matches!(cause, Cause::Finalized { .. }) {
            tell(connection, now, &held.record, prepared.number, Reason::Edit).await?;
        }
        return Ok(Outcome::Unchanged(held.record));
    };
    // Whoever waited for the lock asked the clock before the one who had it: moments rise with the sequence, as `as_of` needs it.
    let record = record(prepared, cause, now.max(held.record.generated_at), current + 1, version, cause.reason());
    append(connection, prepared, &record, cause).await?;
    head::move_to(connection, workspace, record.sequence, &version.to_string(), &checksum, now).await?;
    tell(connection, now, &record, prepared.number, record.reason).await?;
    Ok(Outcome::New(record))
}

fn record(prepared: &Prepared, cause: Cause, now: DateTime<Utc>, sequence: u64, version: Version, reason: Reason) -> Record {
    let reduced = &prepared.reduced;
    Record {
        workspace_id: prepared.workspace,
        sequence,
        version,
        checksum: reduced.checksum,
        size: u64::try_from(reduced.bytes.len()).unwrap_or(u64::MAX),
        source: Source {
            context_number: prepared.number,
            context_sha256: prepared.sha256,
            reducer_version: REDUCER_VERSION.to_owned(),
            policy: prepared.policy.to_string(),
        },
        generated_at: now.trunc_subsecs(6),
        generated_by: cause.by(),
        reason,
        meta: reduced.meta.clone(),
    }
}

async fn append(connection: &mut AsyncPgConnection, prepared: &Prepared, record: &Record, cause: Cause) -> Result<(), GenerateError> {
    let provenance = serde_json::to_value(&prepared.reduced.provenance)?;
    let new = NewVersion { record, content: &prepared.reduced.bytes, provenance: &provenance, cause: cause.id() };
    version::insert(connection, &new).await?;
    let entry = audit::Entry {
        workspace: Some(record.workspace_id),
        actor: cause.by(),
        action: "manifest.generate",
        resource: &format!("manifest/{}", record.sequence),
        outcome: "done",
        request_id: None,
        detail: json!({ "version": record.version, "checksum": record.checksum, "reason": record.reason, "cause": cause.id() }),
    };
    audit::record(connection, record.generated_at, &entry).await?;
    Ok(())
}

async fn tell(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    record: &Record,
    context_number: u64,
    reason: Reason,
) -> Result<(), GenerateError> {
    let event = Event::ManifestGenerated(announcement(record, context_number, reason));
    outbox::append(connection, now, &event).await?;
    Ok(())
}

/// What other services are told of a version.
pub fn announcement(record: &Record, context_number: u64, reason: Reason) -> ManifestGenerated {
    ManifestGenerated {
        workspace_id: record.workspace_id,
        version: record.version.to_string(),
        sequence: record.sequence,
        checksum: record.checksum.to_string(),
        token_count: record.meta.token_count,
        completion_percent: record.meta.completion_percent,
        reason: reason.into(),
        context_number,
        generated_at: record.generated_at,
    }
}
