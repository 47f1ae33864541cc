//! The claims of an access token, as Supabase Auth writes them.

use std::sync::Arc;

use domain::ids::UserId;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Verified claims. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The user (`sub`).
    pub user: UserId,
    /// Expiry (`exp`), seconds since the epoch.
    pub expires_at: i64,
    raw: Arc<Map<String, Value>>,
    json: Arc<str>,
}

impl Claims {
    pub(super) fn parse(raw: Map<String, Value>) -> Option<Self> {
        let user = raw.get("sub")?.as_str()?.parse::<Uuid>().ok()?;
        let expires_at = raw.get("exp")?.as_i64()?;
        let json = serde_json::to_string(&raw).ok()?.into();
        Some(Self { user: UserId::from_uuid(user), expires_at, raw: Arc::new(raw), json })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.raw.get(name)?.as_str()
    }

    /// The database role the token stands for: `authenticated`, `anon` or `service_role`.
    pub fn role(&self) -> &str {
        self.text("role").unwrap_or_default()
    }

    /// The e-mail address, when the token carries one.
    pub fn email(&self) -> Option<&str> {
        self.text("email").filter(|email| !email.is_empty())
    }

    /// The session the token belongs to.
    pub fn session_id(&self) -> Option<Uuid> {
        self.text("session_id")?.parse().ok()
    }

    /// Authenticator assurance level, `aal1` or `aal2`.
    pub fn assurance_level(&self) -> &str {
        self.text("aal").unwrap_or("aal1")
    }

    /// `app_metadata`, which only the identity provider can write.
    pub fn app_metadata(&self) -> Option<&Map<String, Value>> {
        self.raw.get("app_metadata")?.as_object()
    }

    /// The user's role in the whole deployment, when there is one.
    pub fn groundwork_role(&self) -> Option<&str> {
        self.app_metadata()?.get("groundwork_role")?.as_str()
    }

    /// All claims as JSON, for `request.jwt.claims`.
    pub fn as_json(&self) -> &str {
        &self.json
    }
}
