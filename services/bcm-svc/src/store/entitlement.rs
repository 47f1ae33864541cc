//! The latest state of a workspace's subscription, as its events tell it.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{event::SubscriptionEvent, ids::WorkspaceId, subscription::SubscriptionState};
use service_kit::db::sql_query;

/// The latest state.
#[derive(Debug, Clone, QueryableByName)]
pub struct Entitlement {
    #[diesel(sql_type = sql_types::Text)]
    status: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    period_end: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    grace_end: Option<DateTime<Utc>>,
}

impl Entitlement {
    /// Whether the workspace may use what it pays for. A status that a newer producer added holds until the period ends.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        match self.status.parse::<SubscriptionState>() {
            Ok(state) => state.entitled(now, self.period_end, self.grace_end),
            Err(_) => now < self.period_end,
        }
    }
}

/// Takes over the state unless a newer one is known.
pub async fn project(connection: &mut AsyncPgConnection, event: &SubscriptionEvent, sequence: i64, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "insert into entitlement as known (workspace_id, status, period_end, grace_end, sequence, updated_at) \
         values ($1, $2, $3, $4, $5, $6) \
         on conflict (workspace_id) do update set status = excluded.status, period_end = excluded.period_end, \
           grace_end = excluded.grace_end, sequence = excluded.sequence, updated_at = excluded.updated_at \
         where known.sequence < excluded.sequence",
    )
    .bind::<sql_types::Uuid, _>(event.workspace_id.as_uuid())
    .bind::<sql_types::Text, _>(event.status.to_string())
    .bind::<sql_types::Timestamptz, _>(event.period_end)
    .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(event.grace_end)
    .bind::<sql_types::BigInt, _>(sequence)
    .bind::<sql_types::Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The latest state, if the workspace ever subscribed.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Entitlement>> {
    sql_query("select status, period_end, grace_end from entitlement where workspace_id = $1")
        .bind::<sql_types::Uuid, _>(workspace.as_uuid())
        .get_result(connection)
        .await
        .optional()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_status_of_a_newer_producer_holds_until_the_period_ends() {
        let end: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().unwrap();
        let entitlement = Entitlement { status: "gifted".into(), period_end: end, grace_end: None };
        assert!(entitlement.holds(end - TimeDelta::seconds(1)));
        assert!(!entitlement.holds(end));
    }
}
