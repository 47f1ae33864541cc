//! Where the leaves of a version come from. It is asked for rarely and lies in PostgreSQL alone.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::manifest::Provenance;

use super::ReadError;
use crate::{BcmService, store::version, tiers::Reader};

/// The origin of each leaf of a version.
pub async fn provenance(app: &BcmService, reader: &Reader, sequence: u64) -> Result<Provenance, ReadError> {
    let mut connection = app.kit.db.get().await?;
    let stored = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            version::provenance(connection, reader.workspace(), sequence).await
        })
        .await?;
    let stored = stored.ok_or(ReadError::VersionNotFound)?;
    serde_json::from_value(stored).map_err(|error| ReadError::Internal(format!("a stored provenance: {error}")))
}
