//! Keeping consumers on a version while newer ones are made.

use std::sync::Arc;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;

use super::{Actor, ReviseError, existing, may_revise, note};
use crate::{
    BcmService,
    manifest::{ReadError, selector::Selector},
    store::head,
};

/// Pins a version, or with `None` lets consumers follow the newest again. Doing it twice is doing it once.
pub async fn pin(app: &Arc<BcmService>, actor: Actor, to: Option<Selector>) -> Result<(), ReviseError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let moved = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            may_revise(connection, &actor, now).await?;
            let held = head::lock(connection, actor.workspace).await?.ok_or(ReadError::Missing)?;
            let pinned = match &to {
                Some(selector) => Some(existing(connection, actor.workspace, selector).await?),
                None => None,
            };
            if held.pinned == pinned {
                return Ok::<_, ReviseError>(false);
            }
            head::pin(connection, actor.workspace, pinned, now).await?;
            let (action, at) = match pinned {
                Some(sequence) => ("manifest.pin", sequence),
                None => ("manifest.unpin", held.live()),
            };
            note(connection, now, &actor, action, &format!("manifest/{at}"), json!({ "before": held.pinned })).await?;
            Ok(true)
        })
        .await?;
    drop(connection);
    if moved {
        app.tiers.announce(actor.workspace).await;
    }
    Ok(())
}
