//! Which events a consumer has taken effect of.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::EventId;
use service_kit::db::sql_query;

/// Rows younger than this may be needed to recognise a replayed dead letter.
pub const RETENTION_DAYS: i64 = 90;

/// Notes that `consumer` takes the event. `false` means that it has already: the caller has nothing to do.
///
/// Must be called in the transaction of the effect. Of two deliveries at the same time the second waits here for the
/// first one's commit.
pub async fn insert(connection: &mut AsyncPgConnection, consumer: &str, id: EventId, event_type: &str) -> QueryResult<bool> {
    sql_query("insert into inbox (consumer, event_id, event_type) values ($1, $2, $3) on conflict do nothing")
        .bind::<sql_types::Text, _>(consumer)
        .bind::<sql_types::Uuid, _>(id.as_uuid())
        .bind::<sql_types::Text, _>(event_type)
        .execute(connection)
        .await
        .map(|inserted| inserted == 1)
}

/// Deletes up to `limit` rows received before `before`; returns how many. Needs the owner role.
pub async fn purge(connection: &mut AsyncPgConnection, before: DateTime<Utc>, limit: i64) -> QueryResult<usize> {
    sql_query(
        "delete from inbox where (consumer, event_id) in \
         (select consumer, event_id from inbox where received_at < $1 order by received_at limit $2)",
    )
    .bind::<sql_types::Timestamptz, _>(before)
    .bind::<sql_types::BigInt, _>(limit)
    .execute(connection)
    .await
}
