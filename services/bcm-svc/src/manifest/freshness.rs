//! What happened since the current version was made.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{context::Sections, manifest::Record};

use super::{ReadError, open_context};
use crate::{
    BcmService,
    store::{job, source},
    tiers::Reader,
};

/// What happened since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// A rebuild waits or runs.
    pub building: bool,
    /// Why the last rebuild since failed.
    pub failed: Option<String>,
    /// The steps whose finalized answers are others by now, in no particular order.
    pub changed: Vec<String>,
}

/// Looks at it; `current` is the newest version, if there is one.
pub async fn since(app: &BcmService, reader: &Reader, current: Option<&Record>) -> Result<Since, ReadError> {
    let workspace = reader.workspace();
    let mut connection = app.kit.db.get().await?;
    let (open, last, contexts) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            let open = job::open(connection, workspace).await?;
            let last = job::last_ended(connection, workspace).await?;
            let contexts = match current {
                Some(record) if source::newer_than(connection, workspace, record.source.context_number).await? => {
                    let of_version = source::find(connection, workspace, record.source.context_number).await?;
                    of_version.zip(source::latest(connection, workspace).await?)
                }
                _ => None,
            };
            Ok::<_, ReadError>((open, last, contexts))
        })
        .await?;
    drop(connection);
    let failed = last.filter(|job| job.state == "failed" && current.is_none_or(|record| job.finished_at > Some(record.generated_at)));
    let changed = contexts.map_or_else(Vec::new, |(older, newer)| {
        let sections = |bytes: &[u8], sha256: &str| open_context(bytes, sha256).map(|context| context.sections).unwrap_or_default();
        changed(&sections(&older.bytes, &older.sha256), &sections(&newer.bytes, &newer.sha256))
    });
    let told = |job: job::Job| {
        let error = job.result.as_ref().and_then(|result| result.get("error")?.as_str().map(ToOwned::to_owned));
        error.unwrap_or_else(|| "The manifest could not be made again.".to_owned())
    };
    Ok(Since { building: open.is_some(), failed: failed.map(told), changed })
}

fn changed(older: &Sections, newer: &Sections) -> Vec<String> {
    let slugs = older.keys().chain(newer.keys().filter(|slug| !older.contains_key(*slug)));
    slugs.filter(|slug| older.get(*slug) != newer.get(*slug)).map(ToString::to_string).collect()
}
