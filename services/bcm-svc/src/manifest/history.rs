//! The records of a workspace's versions.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::manifest::Record;

use super::ReadError;
use crate::{BcmService, store::version, tiers::Reader};

/// A page of records, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// The sequence before which the next page begins; `None` when this is the last one.
    pub next: Option<u64>,
}

/// Up to `limit` records with sequences below `before`.
pub async fn history(app: &BcmService, reader: &Reader, before: Option<u64>, limit: u32) -> Result<Page, ReadError> {
    let mut connection = app.kit.db.get().await?;
    let workspace = reader.workspace();
    let mut records = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            // One more than asked for tells whether there is a next page.
            version::records(connection, workspace, before, limit.saturating_add(1)).await
        })
        .await?
        .into_iter()
        .map(|record| serde_json::from_value(record).map_err(|error| ReadError::Internal(format!("a stored record: {error}"))))
        .collect::<Result<Vec<Record>, _>>()?;
    let asked = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = records.len() > asked;
    records.truncate(asked);
    let next = if more { records.last().map(|record| record.sequence) } else { None };
    Ok(Page { records, next })
}
