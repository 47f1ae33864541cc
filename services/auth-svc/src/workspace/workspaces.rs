//! Making, naming and listing workspaces.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::{Event, WorkspaceProvisioned},
    ids::WorkspaceId,
    role::Role,
};
use messaging::outbox;
use serde_json::json;
use service_kit::{auth::authorise, db};
use uuid::Uuid;

use super::{Actor, Change, WorkspaceError, record, require_staying, tell};
use crate::{
    AuthService,
    store::{
        member,
        profile::{self, Membership},
        workspace as store,
    },
};

/// As in the table.
const NAME_MAX_CHARS: usize = 120;
/// What a slug keeps of the name, before the part that makes it unique.
const STEM_MAX_CHARS: usize = 40;

/// A workspace's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A text that cannot be a name: empty, too long, or with control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("1 to {NAME_MAX_CHARS} characters, no control characters")]
pub struct InvalidName;

impl Name {
    /// Reads a name; blanks around it do not count.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        let fits = (1..=NAME_MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }

    /// The name as an address part, made unique by the end of the id.
    fn slug(&self, id: Uuid) -> String {
        let words = self.0.to_lowercase();
        let words: Vec<_> = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let stem: String = words.join("-").chars().take(STEM_MAX_CHARS).collect();
        let stem = stem.trim_matches('-');
        let id = id.simple().to_string();
        let unique = id.get(id.len() - 8..).unwrap_or(&id);
        format!("{}-{unique}", if stem.is_empty() { "workspace" } else { stem })
    }
}

/// The user's workspaces, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn workspaces(app: &AuthService, actor: &Actor) -> Result<Vec<Membership>, WorkspaceError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, actor.claims.as_json()).await?;
            Ok(profile::memberships(connection, actor.user()).await?)
        })
        .await
}

/// Makes one more workspace, which the caller owns.
///
/// # Errors
/// [`WorkspaceError::DeletionPending`].
pub async fn create(app: &AuthService, actor: &Actor, name: &Name) -> Result<Membership, WorkspaceError> {
    let now = app.kit.clock.now();
    let id = Uuid::now_v7();
    let (workspace, slug) = (WorkspaceId::from_uuid(id), name.slug(id));
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            require_staying(app, connection, actor.user()).await?;
            store::insert(connection, workspace, &name.0, &slug, actor.user()).await?;
            member::add(connection, workspace, actor.user(), Role::Owner).await?;
            let provisioned =
                WorkspaceProvisioned { workspace_id: workspace, owner_id: actor.user(), name: name.0.clone(), slug: slug.clone() };
            outbox::append(connection, now, &Event::WorkspaceProvisioned(provisioned)).await?;
            tell(connection, now, Change::Added, workspace, actor.user(), Role::Owner).await?;
            record(connection, actor, workspace, "workspace.create", &format!("workspace/{workspace}"), json!({}), now).await?;
            Ok(Membership { workspace_id: id, name: name.0.clone(), slug: slug.clone(), role: Role::Owner.as_str().to_owned() })
        })
        .await
}

/// Gives a workspace another name. Its address part stays.
///
/// # Errors
/// [`WorkspaceError::NotAllowed`] below admin.
pub async fn rename(app: &AuthService, actor: &Actor, workspace: WorkspaceId, name: &Name) -> Result<Membership, WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let role = authorise(connection, workspace, actor.user(), Role::Admin).await?;
            let present = store::lock(connection, workspace).await?.ok_or(WorkspaceError::MemberNotFound)?;
            store::rename(connection, workspace, &name.0).await?;
            record(connection, actor, workspace, "workspace.rename", &format!("workspace/{workspace}"), json!({}), now).await?;
            Ok(Membership { workspace_id: workspace.as_uuid(), name: name.0.clone(), slug: present.slug, role: role.as_str().to_owned() })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_the_names_letters_and_digits() {
        let id = Uuid::from_u128(0x1111_2222);
        let slug = |name: &str| Name::parse(name).unwrap().slug(id);
        assert_eq!(slug("Acme & Söhne 2.0"), "acme-s-hne-2-0-11112222");
        assert_eq!(slug("मेरी कंपनी"), "workspace-11112222");
        assert!(slug(&"ab ".repeat(40)).len() <= 63);
    }

    #[test]
    fn a_name_is_neither_empty_nor_long_nor_has_control_characters() {
        for name in ["", "   ", "a\nb", &"x".repeat(121)] {
            assert_eq!(Name::parse(name), Err(InvalidName), "{name:?}");
        }
        assert_eq!(Name::parse("  Acme ").unwrap().0, "Acme");
    }
}
