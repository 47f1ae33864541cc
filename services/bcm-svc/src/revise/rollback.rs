//! Going back: a new version with the content of an older one.

use std::sync::Arc;

use chrono::SubsecRound;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::{Event, ManifestRolledBack},
    ids::JobId,
    manifest::{Content, Reason, Record, next_version},
};
use messaging::outbox;
use serde_json::json;
use service_kit::idempotency::{self, KeyedRequest, Seen};

use super::{Actor, ReviseError, existing, may_revise, note};
use crate::{
    BcmService,
    manifest::{
        ReadError,
        generate::announcement,
        selector::Selector,
        stored::{self, Stored},
    },
    store::{
        head,
        version::{self, NewVersion},
    },
};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Who asks.
    pub actor: Actor,
    /// The version whose content is to be current again.
    pub to: Selector,
    /// The request's idempotency key, if it has one.
    pub key: Option<KeyedRequest>,
}

/// Makes the version, or answers the one that the same request made before.
pub async fn rollback(app: &Arc<BcmService>, asked: Rollback) -> Result<Record, ReviseError> {
    let mut connection = app.kit.db.get().await?;
    let record = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            if let Some(key) = &asked.key
                && let Seen::Before(sequence) = idempotency::claim(connection, key, app.kit.clock.now()).await?
                && let Ok(sequence) = sequence.parse()
            {
                may_revise(connection, &asked.actor, app.kit.clock.now()).await?;
                return Ok(whole(app, connection, &asked.actor, sequence).await?.record);
            }
            let record = go_back(app, connection, &asked).await?;
            if let Some(key) = &asked.key {
                idempotency::remember(connection, key, &record.sequence.to_string()).await?;
            }
            Ok::<_, ReviseError>(record)
        })
        .await?;
    drop(connection);
    app.tiers.announce(record.workspace_id).await;
    Ok(record)
}

async fn go_back(app: &BcmService, connection: &mut AsyncPgConnection, asked: &Rollback) -> Result<Record, ReviseError> {
    let (now, workspace) = (app.kit.clock.now(), asked.actor.workspace);
    may_revise(connection, &asked.actor, now).await?;
    let latest = head::lock(connection, workspace).await?.ok_or(ReadError::Missing)?.latest;
    let to = existing(connection, workspace, &asked.to).await?;
    let (current, older) = (whole(app, connection, &asked.actor, latest).await?, whole(app, connection, &asked.actor, to).await?);
    let (before, after) = (content(&current)?, content(&older)?);
    let version = next_version(current.record.version, &before, &after).ok_or(ReviseError::AlreadyCurrent)?;
    let record = Record {
        sequence: latest + 1,
        version,
        // Never before the one that it follows, whoever waited for the lock.
        generated_at: now.trunc_subsecs(6).max(current.record.generated_at),
        generated_by: Some(asked.actor.user),
        reason: Reason::Rollback,
        ..older.record.clone()
    };
    let provenance = version::provenance(connection, workspace, to).await?.ok_or(ReadError::VersionNotFound)?;
    let cause = JobId::generate().as_uuid();
    version::insert(connection, &NewVersion { record: &record, content: &older.content, provenance: &provenance, cause }).await?;
    head::move_to(connection, workspace, record.sequence, &version.to_string(), &record.checksum.to_string(), now).await?;
    let detail = json!({ "to": older.record.sequence, "version": record.version, "checksum": record.checksum });
    note(connection, now, &asked.actor, "manifest.rollback", &format!("manifest/{}", record.sequence), detail).await?;
    let event = Event::ManifestRolledBack(ManifestRolledBack {
        manifest: announcement(&record, record.source.context_number, Reason::Rollback),
        rolled_back_to: older.record.version.to_string(),
    });
    outbox::append(connection, now, &event).await?;
    Ok(record)
}

async fn whole(app: &BcmService, connection: &mut AsyncPgConnection, actor: &Actor, sequence: u64) -> Result<Stored, ReviseError> {
    let stored = stored::read(connection, actor.workspace, sequence, &app.metrics).await?;
    Ok(stored.ok_or(ReadError::VersionNotFound)?)
}

fn content(stored: &Stored) -> Result<Content, ReadError> {
    serde_json::from_slice(&stored.content).map_err(|error| ReadError::Internal(format!("a stored content: {error}")))
}
