//! The audit log: who did what to which resource, with the outcome, in the effect's own transaction.

pub mod chain;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{UserId, WorkspaceId};
use serde_json::{Value, json};
use uuid::Uuid;

/// One row. It holds ids only: names and addresses sit in an erasable table.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The tenant, unless the act belongs to none.
    pub workspace: Option<WorkspaceId>,
    /// Who acted; `None` for the system itself.
    pub actor: Option<UserId>,
    /// What was done, for example `order.initiate`.
    pub action: &'a str,
    /// To what, for example `order/0199…`.
    pub resource: &'a str,
    /// `done`, `refused`, or `intended` before an act with an outside effect.
    pub outcome: &'a str,
    /// The request, when there was one.
    pub request_id: Option<&'a str>,
    /// Anything else worth keeping, ids and codes only.
    pub detail: Value,
}

/// Who acts on a deployment as its operator, and why: part of every audit row of such an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    actor: Option<UserId>,
    by: String,
    request_id: Option<String>,
    why: String,
}

impl Author {
    /// Whoever runs this process, by the machine's number of the user: an environment can claim any name.
    pub fn of_this_process(why: impl Into<String>) -> Self {
        use std::os::unix::fs::MetadataExt;
        let uid = std::fs::metadata("/proc/self").map_or_else(|_| "unknown".to_owned(), |process| process.uid().to_string());
        let by = format!("os:{uid}");
        Self { actor: None, by, request_id: None, why: why.into() }
    }

    /// A signed-in operator.
    pub fn signed_in(user: UserId, request_id: Option<String>, why: impl Into<String>) -> Self {
        Self { actor: Some(user), by: format!("user:{user}"), request_id, why: why.into() }
    }

    /// Who acts: `os:1000`, by the user's number, or `user:0199…`.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// An entry for an act of theirs that belongs to no tenant; `detail` is an object, to which who and why are added.
    pub fn entry<'a>(&'a self, action: &'a str, resource: &'a str, outcome: &'a str, mut detail: Value) -> Entry<'a> {
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("by".to_owned(), json!(self.by));
            detail.insert("why".to_owned(), json!(self.why));
        }
        Entry { workspace: None, actor: self.actor, action, resource, outcome, request_id: self.request_id.as_deref(), detail }
    }
}

/// Appends the entry.
pub async fn record(connection: &mut AsyncPgConnection, now: DateTime<Utc>, entry: &Entry<'_>) -> Result<(), diesel::result::Error> {
    crate::db::sql_query(
        "insert into audit_log (id, workspace_id, actor_id, action, resource, outcome, request_id, detail, occurred_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Nullable<SqlUuid>, _>(entry.workspace.map(WorkspaceId::as_uuid))
    .bind::<Nullable<SqlUuid>, _>(entry.actor.map(UserId::as_uuid))
    .bind::<Text, _>(entry.action)
    .bind::<Text, _>(entry.resource)
    .bind::<Text, _>(entry.outcome)
    .bind::<Nullable<Text>, _>(entry.request_id)
    .bind::<Jsonb, _>(&entry.detail)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_names_the_machines_user_or_the_signed_in_one_and_the_reason() {
        let here = Author::of_this_process("ticket 7");
        let entry = here.entry("a", "b", "done", json!({"rows": 1}));
        assert_eq!(entry.actor, None);
        assert_eq!(entry.detail, json!({"rows": 1, "by": here.by(), "why": "ticket 7"}));
        assert!(here.by().strip_prefix("os:").is_some_and(|uid| uid.parse::<u32>().is_ok()), "{}", here.by());
        let user = UserId::generate();
        let there = Author::signed_in(user, Some("r-1".into()), "ticket 8");
        let entry = there.entry("a", "b", "done", json!({}));
        assert_eq!((entry.actor, entry.request_id), (Some(user), Some("r-1")));
    }
}
