//! What only one process may do at a time.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// Takes the lease; `false` while somebody has it, and when the work was done after `not_after` by whomever.
pub(crate) async fn take(
    connection: &mut AsyncPgConnection,
    name: &str,
    holder: Uuid,
    now: DateTime<Utc>,
    time: TimeDelta,
    not_after: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "insert into lease as l (name, holder, held_until) values ($1, $2, $4) \
         on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until \
         where l.held_until <= $3 and (l.done_at is null or l.done_at <= $5)",
    )
    .bind::<Text, _>(name)
    .bind::<SqlUuid, _>(holder)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now + time)
    .bind::<Timestamptz, _>(not_after)
    .execute(connection)
    .await
    .map(|taken| taken == 1)
}

/// Gives the lease back, unless it went to somebody else meanwhile, and notes whether the work was done to its end.
pub(crate) async fn give_back(
    connection: &mut AsyncPgConnection,
    name: &str,
    holder: Uuid,
    now: DateTime<Utc>,
    to_its_end: bool,
) -> QueryResult<()> {
    sql_query("update lease set held_until = $3, done_at = case when $4 then $3 else done_at end where name = $1 and holder = $2")
        .bind::<Text, _>(name)
        .bind::<SqlUuid, _>(holder)
        .bind::<Timestamptz, _>(now)
        .bind::<Bool, _>(to_its_end)
        .execute(connection)
        .await
        .map(|_| ())
}

/// When the work was last done to its end, by whomever.
pub(crate) async fn last_done(connection: &mut AsyncPgConnection, name: &str) -> QueryResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        done_at: Option<DateTime<Utc>>,
    }
    let row =
        sql_query("select max(done_at) as done_at from lease where name = $1").bind::<Text, _>(name).get_result::<Row>(connection).await?;
    Ok(row.done_at)
}
