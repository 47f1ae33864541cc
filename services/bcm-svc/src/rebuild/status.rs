//! How a rebuild is doing.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::JobId;

use crate::{
    BcmService,
    manifest::ReadError,
    store::job::{self, Job},
    tiers::Reader,
};

/// The job, if it is one of the reader's workspace.
pub async fn status(app: &BcmService, reader: &Reader, id: JobId) -> Result<Option<Job>, ReadError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            Ok(job::find(connection, reader.workspace(), id).await?)
        })
        .await
}

/// The job of the reader's workspace that waits or runs.
pub async fn open(app: &BcmService, reader: &Reader) -> Result<Option<Job>, ReadError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            Ok(job::open(connection, reader.workspace()).await?)
        })
        .await
}
