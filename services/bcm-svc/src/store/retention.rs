//! What is removed by its age. The runtime role cannot delete versions: functions of the schema's owner do, and keep what
//! must be kept whatever they are asked.

use chrono::{DateTime, Utc};
use diesel::{QueryResult, QueryableByName, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;

use super::number;

/// Removes at most `most` versions from before `before`, never one of the last `keep` of its workspace, a pinned or a named
/// one. Answers how many.
pub async fn drop_old_versions(connection: &mut AsyncPgConnection, keep: i32, before: DateTime<Utc>, most: i32) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::BigInt)]
        dropped: i64,
    }
    let row = sql_query("select drop_old_versions($1, $2, $3) as dropped")
        .bind::<sql_types::Integer, _>(keep)
        .bind::<sql_types::Timestamptz, _>(before)
        .bind::<sql_types::Integer, _>(most)
        .get_result::<Row>(connection)
        .await?;
    Ok(number(row.dropped))
}

/// Makes the access log's partitions of this month and the next, and drops those of which all is older than `days`.
pub async fn keep_access_log(connection: &mut AsyncPgConnection, now: DateTime<Utc>, days: i32) -> QueryResult<()> {
    sql_query("select keep_access_log($1, make_interval(days => $2))")
        .bind::<sql_types::Timestamptz, _>(now)
        .bind::<sql_types::Integer, _>(days)
        .execute(connection)
        .await
        .map(|_| ())
}
