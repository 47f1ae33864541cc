//! The relay's side of the outbox.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::{EventId, WorkspaceId};
use service_kit::db::sql_query;
use uuid::Uuid;

use super::PARK_AFTER;
use crate::{envelope::Envelope, trace::TraceContext};

/// A row that this relay may publish until its lease ends.
#[derive(Debug, QueryableByName)]
pub(crate) struct Claimed {
    #[diesel(sql_type = sql_types::BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = sql_types::Uuid)]
    pub(crate) event_id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    aggregate_seq: i64,
    #[diesel(sql_type = sql_types::Text)]
    pub(crate) event_type: String,
    #[diesel(sql_type = sql_types::Text)]
    subject: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    workspace_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Text)]
    dataschema: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    tracestate: Option<String>,
    #[diesel(sql_type = sql_types::Binary)]
    pub(crate) payload: Vec<u8>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    occurred_at: DateTime<Utc>,
}

impl Claimed {
    /// The attributes under which the row is published by `service`.
    pub(crate) fn envelope(&self, service: &str) -> Envelope {
        Envelope {
            id: EventId::from_uuid(self.event_id),
            source: format!("/services/{service}"),
            event_type: self.event_type.clone(),
            subject: self.subject.clone(),
            time: self.occurred_at,
            dataschema: self.dataschema.clone(),
            sequence: self.aggregate_seq,
            workspace_id: self.workspace_id.map(WorkspaceId::from_uuid),
            trace: self.trace(),
        }
    }

    /// The trace in which the fact happened.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let traceparent = self.traceparent.clone()?;
        Some(TraceContext { traceparent, tracestate: self.tracestate.clone() })
    }
}

const CLAIM: &str = "with candidate as (
   select o.id from outbox o
   where o.published_at is null and o.parked_at is null and o.available_at <= now()
     and (o.lease_until is null or o.lease_until < now())
     and not exists (
       select from outbox p
       where p.aggregate_type = o.aggregate_type and p.aggregate_id = o.aggregate_id
         and p.aggregate_seq = o.aggregate_seq - 1 and p.published_at is null)
   order by o.available_at, o.id limit $2
   for update of o skip locked)
 update outbox o set lease_until = now() + interval '30 seconds', lease_token = $1
 from candidate c where o.id = c.id
 returning o.id, o.event_id, o.aggregate_seq, o.event_type, o.subject, o.workspace_id, o.dataschema,
           o.traceparent, o.tracestate, o.payload, o.occurred_at";

/// Claims up to `limit` rows, at most one of each aggregate: a row whose predecessor is not published stays.
///
/// Sequences have no gaps and a row can only be published after its predecessor, so the immediate predecessor, found
/// by the unique index, is enough. The row's own conditions are evaluated again by PostgreSQL after the lock.
pub(crate) async fn claim(connection: &mut AsyncPgConnection, token: Uuid, limit: usize) -> QueryResult<Vec<Claimed>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    sql_query(CLAIM).bind::<sql_types::Uuid, _>(token).bind::<sql_types::BigInt, _>(limit).load(connection).await
}

/// Marks rows as published; returns how many still were under this lease.
pub(crate) async fn mark_published(connection: &mut AsyncPgConnection, token: Uuid, ids: &[i64]) -> QueryResult<usize> {
    sql_query(
        "update outbox set published_at = now(), lease_until = null, lease_token = null, last_error = null \
         where id = any($1) and lease_token = $2 and published_at is null",
    )
    .bind::<sql_types::Array<sql_types::BigInt>, _>(ids)
    .bind::<sql_types::Uuid, _>(token)
    .execute(connection)
    .await
}

/// Notes a failure that the row itself caused. It comes again after a growing, random time; the twentieth parks it.
pub(crate) async fn record_failure(connection: &mut AsyncPgConnection, token: Uuid, id: i64, error: &str) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Parked {
        #[diesel(sql_type = sql_types::Bool)]
        parked: bool,
    }
    let rows: Vec<Parked> = sql_query(
        "update outbox set attempts = attempts + 1, last_error = $3, lease_until = null, lease_token = null,
           available_at = now() + random() * least(interval '5 minutes', interval '1 second' * power(2, least(attempts + 1, 20))),
           parked_at = case when attempts + 1 >= $4 then now() end
         where id = $1 and lease_token = $2
         returning parked_at is not null as parked",
    )
    .bind::<sql_types::BigInt, _>(id)
    .bind::<sql_types::Uuid, _>(token)
    .bind::<sql_types::Text, _>(error)
    .bind::<sql_types::Integer, _>(PARK_AFTER)
    .load(connection)
    .await?;
    Ok(rows.iter().any(|row| row.parked))
}

/// Gives rows back for a moment: a queue was full. That is not the row's fault and counts for nothing.
pub(crate) async fn postpone(connection: &mut AsyncPgConnection, token: Uuid, ids: &[i64]) -> QueryResult<usize> {
    sql_query(
        "update outbox set lease_until = null, lease_token = null, last_error = 'refused by the broker',
           available_at = now() + interval '1 second' * (1 + 4 * random())
         where id = any($1) and lease_token = $2",
    )
    .bind::<sql_types::Array<sql_types::BigInt>, _>(ids)
    .bind::<sql_types::Uuid, _>(token)
    .execute(connection)
    .await
}

/// Gives back at once whatever is still under this lease.
pub(crate) async fn release(connection: &mut AsyncPgConnection, token: Uuid) -> QueryResult<usize> {
    sql_query("update outbox set lease_until = null, lease_token = null where lease_token = $1 and published_at is null")
        .bind::<sql_types::Uuid, _>(token)
        .execute(connection)
        .await
}

/// What waits.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub(crate) struct Backlog {
    #[diesel(sql_type = sql_types::BigInt)]
    pub(crate) pending: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub(crate) parked: i64,
    #[diesel(sql_type = sql_types::Double)]
    pub(crate) oldest_age_seconds: f64,
}

/// Counts what waits, for the gauges.
pub(crate) async fn backlog(connection: &mut AsyncPgConnection) -> QueryResult<Backlog> {
    sql_query(
        "select count(*) filter (where parked_at is null) as pending,
                count(*) filter (where parked_at is not null) as parked,
                coalesce(extract(epoch from now() - min(created_at) filter (where parked_at is null)), 0)::float8
                  as oldest_age_seconds
         from outbox where published_at is null",
    )
    .get_result(connection)
    .await
}

#[cfg(test)]
mod tests;
