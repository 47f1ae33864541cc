//! Events that are true but not yet told: written by use cases, claimed and marked by the relay.
//!
//! The relay's times are the database's, so that replicas whose clocks differ agree on leases.

mod claim;
mod command;
mod desk;

use chrono::{DateTime, Utc};
use diesel::{QueryResult, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    event::{Event, MAX_DATA_BYTES},
    ids::EventId,
};

pub(crate) use claim::{Claimed, backlog, claim, mark_published, postpone, record_failure, release};

pub use command::{OutboxActArgs, OutboxCommand, OutboxFilterArgs};
pub use desk::{Move, Moved, OutboxDesk, OutboxDeskError, OutboxFilter, OutboxRow, Pace, RowState};

use crate::trace::TraceContext;
use service_kit::db::sql_query;

/// Published rows are kept this long for [`Move::Republish`].
pub const RETENTION_DAYS: i64 = 7;

/// Row-caused failures after which a row is parked.
pub const PARK_AFTER: i32 = 20;

/// The channel on which a trigger announces new rows of `schema`. A hint only: polling is the guarantee.
pub fn channel(schema: &str) -> String {
    format!("groundwork_outbox_{schema}")
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// More data than an event may have.
    #[error("the event {event_type} has {bytes} bytes of data, more than {MAX_DATA_BYTES}")]
    TooLarge {
        /// The type.
        event_type: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// PostgreSQL refused.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}

/// Writes `event` on the caller's connection, inside the transaction that makes it true; `now` is when it happened.
///
/// The aggregate's head row gives the sequence and stays locked until the commit, so the order of commits is the order
/// of sequences.
pub async fn append(connection: &mut AsyncPgConnection, now: DateTime<Utc>, event: &Event) -> Result<EventId, OutboxError> {
    let id = EventId::generate();
    let event_type = event.event_type();
    let aggregate = event.aggregate();
    let data = event.to_data().to_string().into_bytes();
    if data.len() > MAX_DATA_BYTES {
        return Err(OutboxError::TooLarge { event_type: event_type.as_str(), bytes: data.len() });
    }
    let (traceparent, tracestate) = match TraceContext::current() {
        Some(trace) => (Some(trace.traceparent), trace.tracestate),
        None => (None, None),
    };
    sql_query(
        "with head as (
           insert into outbox_aggregate as a (aggregate_type, aggregate_id, last_seq) values ($1, $2, 1)
           on conflict (aggregate_type, aggregate_id) do update set last_seq = a.last_seq + 1
           returning last_seq)
         insert into outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, workspace_id,
                             dataschema, traceparent, tracestate, payload, occurred_at)
         select $3, $1, $2, last_seq, $4, $5, $6, $7, $8, $9, $10, $11 from head",
    )
    .bind::<sql_types::Text, _>(aggregate.kind)
    .bind::<sql_types::Uuid, _>(aggregate.id)
    .bind::<sql_types::Uuid, _>(id.as_uuid())
    .bind::<sql_types::Text, _>(event_type.as_str())
    .bind::<sql_types::Text, _>(event.subject())
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(Some(event.workspace_id().as_uuid()))
    .bind::<sql_types::Text, _>(event.dataschema())
    .bind::<sql_types::Nullable<sql_types::Text>, _>(traceparent)
    .bind::<sql_types::Nullable<sql_types::Text>, _>(tracestate)
    .bind::<sql_types::Binary, _>(data)
    .bind::<sql_types::Timestamptz, _>(now)
    .execute(connection)
    .await?;
    Ok(id)
}

/// Deletes up to `limit` rows published before `before`; returns how many. Needs the owner role.
pub async fn purge(connection: &mut AsyncPgConnection, before: DateTime<Utc>, limit: i64) -> QueryResult<usize> {
    sql_query("delete from outbox where id in (select id from outbox where published_at < $1 order by published_at limit $2)")
        .bind::<sql_types::Timestamptz, _>(before)
        .bind::<sql_types::BigInt, _>(limit)
        .execute(connection)
        .await
}
