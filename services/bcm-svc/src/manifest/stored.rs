//! Stored versions, verified before anybody sees them.

use diesel_async::AsyncPgConnection;
use domain::{ids::WorkspaceId, manifest::Record};

use super::{ReadError, open_context, reduce_aside, selector::Selector};
use crate::{
    metrics::Metrics,
    store::{
        alias, source,
        version::{self, VersionRow},
    },
    tiers::Tier,
};

/// A version whose content is what its checksum says.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What is known about it.
    pub record: Record,
    /// Its canonical content.
    pub content: Vec<u8>,
}

/// The version with this sequence. One whose bytes do not match their checksum is counted, and made again from its
/// context; it is served only when that gives the checksum.
pub async fn read(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    sequence: u64,
    metrics: &Metrics,
) -> Result<Option<Stored>, ReadError> {
    let Some(row) = version::find(connection, workspace, sequence).await? else { return Ok(None) };
    if let Some(record) = intact(&row) {
        return Ok(Some(Stored { record, content: row.content }));
    }
    metrics.integrity_failure(Tier::Postgres);
    tracing::error!(%workspace, sequence, "a stored manifest does not match its checksum");
    restore(connection, &row, metrics).await.map(Some)
}

/// The sequence of the version that is meant, which need not be there when it is named by its sequence.
pub async fn resolve(connection: &mut AsyncPgConnection, workspace: WorkspaceId, selector: &Selector) -> Result<Option<u64>, ReadError> {
    Ok(match selector {
        Selector::Sequence(sequence) => Some(*sequence),
        Selector::Version(version) => version::sequence_of(connection, workspace, *version).await?,
        Selector::Checksum(checksum) => version::with_checksum(connection, workspace, *checksum).await?,
        // Nothing is that old, and PostgreSQL does not hold every moment that can be written.
        Selector::AsOf(moment) if moment.timestamp() <= 0 => None,
        Selector::AsOf(moment) => version::as_of(connection, workspace, *moment).await?,
        Selector::Alias(name) => alias::sequence(connection, workspace, name.as_str()).await?,
    })
}

/// The record of a row whose parts agree with each other.
pub fn intact(row: &VersionRow) -> Option<Record> {
    let record: Record = serde_json::from_value(row.record.clone()).ok()?;
    let agrees = record.workspace_id == row.workspace()
        && record.sequence == row.sequence()
        && record.checksum.to_string() == row.checksum
        && record.checksum.verifies(&row.content);
    agrees.then_some(record)
}

async fn restore(connection: &mut AsyncPgConnection, row: &VersionRow, metrics: &Metrics) -> Result<Stored, ReadError> {
    let record: Record = serde_json::from_value(row.record.clone()).map_err(|_| ReadError::Corrupt)?;
    let policy = record.source.policy.parse().map_err(|_| ReadError::Corrupt)?;
    let kept = source::find(connection, row.workspace(), row.context_number()).await?.ok_or(ReadError::Corrupt)?;
    let context = open_context(&kept.bytes, &kept.sha256).map_err(|_| ReadError::Corrupt)?;
    let reduced = reduce_aside(context, policy, metrics).await.map_err(|_| ReadError::Corrupt)?;
    if reduced.checksum != record.checksum || reduced.checksum.to_string() != row.checksum {
        return Err(ReadError::Corrupt);
    }
    tracing::warn!(workspace = %row.workspace(), sequence = row.sequence(), "the manifest was made again from its context");
    Ok(Stored { record, content: reduced.bytes })
}
