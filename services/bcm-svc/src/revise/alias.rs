//! Names for versions.

use std::sync::Arc;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;

use super::{Actor, ReviseError, existing, may_revise, note};
use crate::{
    BcmService,
    manifest::{
        ReadError,
        selector::{Alias, Selector},
    },
    store::{
        alias::{self, AliasRow},
        head::{self, Head},
        version,
    },
    tiers::Reader,
};

/// The most names of a workspace.
const MOST: usize = 50;

/// What must be the case for a name to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Anything,
    /// It is not there yet.
    Absent,
    /// It is there, with this revision if one is named.
    Revision(Option<i32>),
}

impl Expected {
    fn check(self, held: Option<&AliasRow>) -> Result<(), ReviseError> {
        let fits = match (self, held) {
            (Self::Anything, _) | (Self::Absent, None) | (Self::Revision(None), Some(_)) => true,
            (Self::Revision(Some(expected)), Some(held)) => held.revision == expected,
            _ => false,
        };
        if fits { Ok(()) } else { Err(ReviseError::Changed(held.map(|held| held.revision))) }
    }
}

/// Sets a name.
pub async fn set(app: &Arc<BcmService>, actor: Actor, name: Alias, to: Selector, expected: Expected) -> Result<AliasRow, ReviseError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            may_revise(connection, &actor, now).await?;
            // The head's lock puts changes of names in one order.
            head::lock(connection, actor.workspace).await?.ok_or(ReadError::Missing)?;
            let held = alias::list(connection, actor.workspace).await?;
            let before = held.iter().find(|row| row.alias == name.as_str());
            expected.check(before)?;
            if before.is_none() && held.len() >= MOST {
                return Err(ReviseError::TooManyAliases(MOST));
            }
            let sequence = existing(connection, actor.workspace, &to).await?;
            if let Some(before) = before.filter(|row| row.sequence() == sequence) {
                return Ok(before.clone());
            }
            alias::set(connection, actor.workspace, name.as_str(), sequence, actor.user, now).await?;
            let detail = json!({ "sequence": sequence, "before": before.map(AliasRow::sequence) });
            note(connection, now, &actor, "manifest.alias.set", &format!("manifest_alias/{name}"), detail).await?;
            Ok(alias::find(connection, actor.workspace, name.as_str()).await?.ok_or(ReadError::VersionNotFound)?)
        })
        .await
}

/// Removes a name. One that is not there is removed already.
pub async fn remove(app: &Arc<BcmService>, actor: Actor, name: Alias, expected: Expected) -> Result<(), ReviseError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            may_revise(connection, &actor, now).await?;
            head::lock(connection, actor.workspace).await?;
            let held = alias::find(connection, actor.workspace, name.as_str()).await?;
            if held.is_none() && expected == Expected::Anything {
                return Ok(());
            }
            expected.check(held.as_ref())?;
            alias::remove(connection, actor.workspace, name.as_str()).await?;
            let detail = json!({ "before": held.map(|row| row.sequence()) });
            note(connection, now, &actor, "manifest.alias.remove", &format!("manifest_alias/{name}"), detail).await?;
            Ok(())
        })
        .await
}

/// The head and every name of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The head.
    pub head: Head,
    /// The newest version: its semantic version and the checksum of its content.
    pub latest: (String, String),
    /// The version for consumers.
    pub live: (String, String),
    /// The names that members gave.
    pub aliases: Vec<AliasRow>,
}

/// Reads them.
pub async fn names(app: &BcmService, reader: &Reader) -> Result<Names, ReadError> {
    let mut connection = app.kit.db.get().await?;
    let workspace = reader.workspace();
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            let head = head::find(connection, workspace).await?.ok_or(ReadError::Missing)?;
            let latest = version::summary(connection, workspace, head.latest).await?.ok_or(ReadError::VersionNotFound)?;
            let live = version::summary(connection, workspace, head.live()).await?.ok_or(ReadError::VersionNotFound)?;
            Ok(Names { head, latest, live, aliases: alias::list(connection, workspace).await? })
        })
        .await
}
