//! After a change of the reducer or the policy an operator has manifests made again from the contexts they were made of.

use std::sync::Arc;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{canonical::Checksum, ids::WorkspaceId, reduce::REDUCER_VERSION};
use serde_json::json;
use service_kit::{
    audit::{self, Author},
    db::DbError,
};
use uuid::Uuid;

use crate::{
    BcmService,
    manifest::{
        ContextError, ReduceFailure,
        generate::{Cause, GenerateError, Outcome, Prepared, generate},
        open_context, reduce_aside,
    },
    store::{
        head, source,
        version::{self, Made},
    },
};

/// Workspaces that are looked for at once.
const PAGE: u32 = 200;

/// How often it is tried again when something newer was made meanwhile.
const ATTEMPTS: u32 = 5;

/// What became of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// It has a new version.
    New,
    /// The reducer makes the same of its context as before, or its version exists already.
    Unchanged,
}

/// Why one was not made again.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// Its context is not there.
    #[error("its context is not there")]
    NoSource,
    /// Something newer was made each time.
    #[error("something newer was made meanwhile, again and again")]
    Overtaken,
    /// Its context cannot be read.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Its context cannot be reduced.
    #[error(transparent)]
    Reduce(#[from] ReduceFailure),
    /// The version cannot be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The database does not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for UpgradeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Some workspaces after the given one whose newest version was made by another reducer or policy than would be used now.
pub async fn outdated(app: &BcmService, only: Option<WorkspaceId>, after: Option<WorkspaceId>) -> Result<Vec<WorkspaceId>, DbError> {
    let policy = app.config.manifest.policy.to_string();
    let mut connection = app.kit.worker_db.get().await?;
    Ok(version::made_otherwise(&mut connection, only, after, Made { reducer_version: REDUCER_VERSION, policy: &policy }, PAGE).await?)
}

/// Makes the newest version of a workspace again from its own context: going back to an older content is not undone, nor is what
/// is made meanwhile.
pub async fn upgrade(app: &Arc<BcmService>, workspace: WorkspaceId, author: &Author) -> Result<Upgrade, UpgradeError> {
    for _ in 0..ATTEMPTS {
        match make_again(app, workspace, author).await? {
            // What is the newest by now may be of the former reducer, too.
            Outcome::Superseded => {}
            Outcome::New(_) => return Ok(Upgrade::New),
            Outcome::Unchanged(_) | Outcome::Repeated => return Ok(Upgrade::Unchanged),
        }
    }
    Err(UpgradeError::Overtaken)
}

async fn make_again(app: &Arc<BcmService>, workspace: WorkspaceId, author: &Author) -> Result<Outcome, UpgradeError> {
    let policy = app.config.manifest.policy;
    let mut connection = app.kit.worker_db.get().await?;
    let latest = head::find(&mut connection, workspace).await?.ok_or(UpgradeError::NoSource)?.latest;
    let kept = source::of_version(&mut connection, workspace, latest).await?.ok_or(UpgradeError::NoSource)?;
    drop(connection);
    let reduced = reduce_aside(open_context(&kept.bytes, &kept.sha256)?, policy, &app.metrics).await?;
    let cause = Cause::Upgrade { id: cause_id(workspace, latest, &policy.to_string()), of: latest };
    let prepared = Prepared { workspace, number: kept.number, sha256: Checksum::of(&kept.bytes), policy, reduced };
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let outcome = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let outcome = generate(connection, now, &prepared, cause, &app.metrics).await?;
            if let Outcome::New(record) = &outcome {
                let detail = json!({ "sequence": record.sequence, "reducer_version": REDUCER_VERSION, "policy": policy.to_string() });
                let resource = format!("manifest/{}", record.sequence);
                let entry = audit::Entry { workspace: Some(workspace), ..author.entry("manifest.upgrade", &resource, "done", detail) };
                audit::record(connection, now, &entry).await?;
            }
            Ok::<_, UpgradeError>(outcome)
        })
        .await?;
    drop(connection);
    app.metrics.generated("upgrade", outcome.as_str());
    if matches!(outcome, Outcome::New(_)) {
        app.tiers.announce(workspace).await;
    }
    Ok(outcome)
}

/// The same for the same version, reducer and policy: however often it is asked for, one version comes of it.
fn cause_id(workspace: WorkspaceId, sequence: u64, policy: &str) -> Uuid {
    let digest = Checksum::of(format!("upgrade {workspace} {sequence} {REDUCER_VERSION} {policy}").as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, of_digest)| *byte = *of_digest);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
