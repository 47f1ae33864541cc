//! The outbox as operators see it: what waits, what was given up, what was published; and moving it again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryResult, QueryableByName, sql_query, sql_types};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::{
    Clock,
    ids::{EventId, WorkspaceId},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{
    audit::{self, Author},
    db::DbError,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which rows. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutboxFilter {
    /// Only this event.
    #[schema(value_type = Option<Uuid>)]
    pub id: Option<EventId>,
    /// Only this type, with or without its version, or all types that begin with these words.
    pub event_type: Option<String>,
    /// Only of this workspace.
    #[serde(rename = "workspace_id")]
    #[schema(value_type = Option<Uuid>)]
    pub workspace: Option<WorkspaceId>,
    /// Only what happened before this moment.
    pub before: Option<DateTime<Utc>>,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[schema(as = OutboxState)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Waits or was given up.
    #[default]
    Unpublished,
    /// Waits to be published.
    Pending,
    /// Was given up and blocks its aggregate.
    Parked,
    /// Was published; kept for a week.
    Published,
}

impl RowState {
    const fn condition(self) -> &'static str {
        match self {
            Self::Unpublished => "published_at is null",
            Self::Pending => "published_at is null and parked_at is null",
            Self::Parked => "published_at is null and parked_at is not null",
            Self::Published => "published_at is not null",
        }
    }
}

/// A row without its data.
#[derive(Debug, Clone, Serialize, ToSchema, QueryableByName)]
pub struct OutboxRow {
    /// Its place in the outbox: rows are listed by it.
    #[diesel(sql_type = sql_types::BigInt)]
    pub position: i64,
    /// The event's id.
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    /// The event's type.
    #[diesel(sql_type = sql_types::Text)]
    pub event_type: String,
    /// The aggregate.
    #[diesel(sql_type = sql_types::Text)]
    pub subject: String,
    /// Its position among the aggregate's events.
    #[diesel(sql_type = sql_types::BigInt)]
    pub sequence: i64,
    /// The tenant.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Uuid>,
    /// `pending`, `parked` or `published`.
    #[diesel(sql_type = sql_types::Text)]
    pub state: String,
    /// When the fact happened.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// When it is tried next, while it waits.
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub available_at: DateTime<Utc>,
    /// Tries that the row itself made fail.
    #[diesel(sql_type = sql_types::Integer)]
    pub attempts: i32,
    /// When it was published last.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<DateTime<Utc>>,
    /// When it was given up.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Which rows are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// What was published in `[since, until)` is published again, after a broker lost its disk. Rows that this has
    /// moved are outside the span at once, so that the same span goes on where it was.
    Republish {
        /// From this moment; without it, as long as rows are kept.
        since: Option<DateTime<Utc>>,
        /// Up to this moment; without it, the database's present.
        until: Option<DateTime<Utc>>,
    },
    /// Parked rows get another twenty tries.
    Unpark,
}

/// How much, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// At most this many rows.
    pub max: usize,
    /// At most this many a second; `None` for all in one transaction.
    pub rate: Option<u32>,
    /// Only says what would be done.
    pub dry_run: bool,
}

/// What was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OutboxMoved)]
pub struct Moved {
    /// Rows that match.
    pub matched: usize,
    /// Of these, rows that were moved.
    pub done: usize,
    /// Of these, rows that were not.
    pub remaining: usize,
    /// The end of the span that is published again: give it to the next call, which then goes on where this one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxDeskError {
    /// No row has the id.
    #[error("no event in the outbox has the id {0}")]
    NotFound(EventId),
    /// The database failed; what earlier transactions moved is moved.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The output could not be written.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

impl From<diesel::result::Error> for OutboxDeskError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What the operations work on.
pub struct OutboxDesk<'a> {
    /// A connection whose `search_path` is the service's schema.
    pub connection: &'a mut AsyncPgConnection,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who acts, and why.
    pub author: &'a Author,
    /// Ends the work after the transaction in hand.
    pub stop: CancellationToken,
}

const COLUMNS: &str = "id as position, event_id as id, event_type, subject, aggregate_seq as sequence, workspace_id, \
    case when published_at is not null then 'published' when parked_at is not null then 'parked' else 'pending' end as state, \
    occurred_at, available_at, attempts, published_at, parked_at, last_error";

/// The filter in SQL, on parameters 1 to 4.
const FILTERED: &str = "($1::uuid is null or event_id = $1) \
    and ($2::text is null or event_type = $2 or starts_with(event_type, $2 || '.')) \
    and ($3::uuid is null or workspace_id = $3) and ($4::timestamptz is null or occurred_at < $4)";

/// Binds a filter to parameters 1 to 4 of a statement.
macro_rules! filtered {
    ($sql:expr, $filter:expr) => {
        sql_query($sql)
            .bind::<sql_types::Nullable<sql_types::Uuid>, _>($filter.id.map(EventId::as_uuid))
            .bind::<sql_types::Nullable<sql_types::Text>, _>($filter.event_type.as_deref())
            .bind::<sql_types::Nullable<sql_types::Uuid>, _>($filter.workspace.map(WorkspaceId::as_uuid))
            .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>($filter.before)
    };
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    rows: i64,
}

/// What one transaction moved: how many rows, and their first and last position.
#[derive(QueryableByName)]
struct Batch {
    #[diesel(sql_type = sql_types::BigInt)]
    rows: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    first: Option<i64>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    last: Option<i64>,
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = sql_types::Timestamptz)]
    now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = sql_types::Binary)]
    payload: Vec<u8>,
}

impl Move {
    const fn action(self) -> &'static str {
        match self {
            Self::Republish { .. } => "outbox.republish",
            Self::Unpark => "outbox.unpark",
        }
    }

    const fn condition(self) -> &'static str {
        match self {
            Self::Republish { .. } => "published_at >= coalesce($5, '-infinity') and published_at < $6",
            Self::Unpark => "published_at is null and parked_at is not null and $5::timestamptz is null and $6::timestamptz is null",
        }
    }

    const fn change(self) -> &'static str {
        match self {
            Self::Republish { .. } => "published_at = null, lease_until = null, lease_token = null, available_at = now()",
            Self::Unpark => "parked_at = null, attempts = 0, available_at = now()",
        }
    }

    const fn span(self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match self {
            Self::Republish { since, until } => (since, until),
            Self::Unpark => (None, None),
        }
    }
}

impl OutboxDesk<'_> {
    /// Up to `limit` rows after the row `after`, oldest first.
    pub async fn list(
        &mut self,
        filter: &OutboxFilter,
        state: RowState,
        after: i64,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, OutboxDeskError> {
        // PostgreSQL sorts by the name of the answer, and `id` is the event's there.
        let sql = format!("select {COLUMNS} from outbox where {FILTERED} and {} and id > $5 order by position limit $6", state.condition());
        let rows = filtered!(sql, filter)
            .bind::<sql_types::BigInt, _>(after)
            .bind::<sql_types::BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load(self.connection)
            .await?;
        Ok(rows)
    }

    /// One row with its data, which may be personal: the look is audited.
    pub async fn show(&mut self, id: EventId) -> Result<(OutboxRow, Value), OutboxDeskError> {
        let filter = OutboxFilter { id: Some(id), ..OutboxFilter::default() };
        let resource = format!("event/{id}");
        let entry = self.author.entry("outbox.show", &resource, "done", json!({}));
        audit::record(self.connection, self.clock.now(), &entry).await?;
        let row = filtered!(format!("select {COLUMNS} from outbox where {FILTERED}"), filter)
            .get_result::<OutboxRow>(self.connection)
            .await
            .optional()?
            .ok_or(OutboxDeskError::NotFound(id))?;
        let Payload { payload } = sql_query("select payload from outbox where event_id = $1")
            .bind::<sql_types::Uuid, _>(id.as_uuid())
            .get_result(self.connection)
            .await?;
        let data = serde_json::from_slice(&payload).unwrap_or_else(|_| String::from_utf8_lossy(&payload).into_owned().into());
        Ok((row, data))
    }

    /// Moves rows in the order in which they were written, which is each aggregate's own order. Each transaction holds
    /// its rows and its audit row.
    pub async fn shift(&mut self, filter: &OutboxFilter, mut which: Move, pace: Pace) -> Result<Moved, OutboxDeskError> {
        if let Move::Republish { until: until @ None, .. } = &mut which {
            *until = Some(self.database_time().await?);
        }
        let matched = self.count(filter, which).await?;
        let mut moved = Moved { matched, done: 0, remaining: matched, until: which.span().1 };
        if pace.dry_run {
            return Ok(moved);
        }
        while moved.done < pace.max.min(matched) && !self.stop.is_cancelled() {
            let left = pace.max - moved.done;
            let batch = pace.rate.map_or(left, |rate| left.min(usize::try_from(rate).unwrap_or(usize::MAX)));
            let rows = self.shift_batch(filter, which, batch).await?;
            moved.done += rows;
            if rows < batch {
                break;
            }
            if pace.rate.is_some() && moved.done < pace.max.min(matched) {
                let _ = self.stop.run_until_cancelled(sleep(Duration::from_secs(1))).await;
            }
        }
        moved.remaining = self.count(filter, which).await?;
        Ok(moved)
    }

    /// The time by which rows are marked.
    pub async fn database_time(&mut self) -> Result<DateTime<Utc>, OutboxDeskError> {
        let Now { now } = sql_query("select clock_timestamp() as now").get_result(self.connection).await?;
        Ok(now)
    }

    async fn count(&mut self, filter: &OutboxFilter, which: Move) -> QueryResult<usize> {
        let (since, until) = which.span();
        let Count { rows } = filtered!(format!("select count(*) as rows from outbox where {FILTERED} and {}", which.condition()), filter)
            .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(since)
            .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(until)
            .get_result(self.connection)
            .await?;
        Ok(usize::try_from(rows).unwrap_or_default())
    }

    async fn shift_batch(&mut self, filter: &OutboxFilter, which: Move, limit: usize) -> Result<usize, OutboxDeskError> {
        let (now, (since, until)) = (self.clock.now(), which.span());
        let sql = format!(
            "with chosen as (select id as chosen_id from outbox where {FILTERED} and {} order by id limit $7 for update), \
             moved as (update outbox set {} from chosen where id = chosen_id returning id) \
             select count(*) as rows, min(id) as first, max(id) as last from moved",
            which.condition(),
            which.change()
        );
        let author = self.author;
        let moved = self
            .connection
            .transaction(async |connection| {
                let Batch { rows, first, last } = filtered!(&sql, filter)
                    .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(since)
                    .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(until)
                    .bind::<sql_types::BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                    .get_result(connection)
                    .await?;
                if let (Some(first), Some(last)) = (first, last) {
                    let OutboxFilter { id, event_type, workspace, before } = filter;
                    let detail = json!({
                        "rows": rows, "first": first, "last": last, "since": since, "until": until,
                        "id": id, "event_type": event_type, "workspace": workspace, "before": before,
                    });
                    let resource = format!("outbox/{first}-{last}");
                    audit::record(connection, now, &author.entry(which.action(), &resource, "done", detail)).await?;
                }
                Ok::<_, diesel::result::Error>(rows)
            })
            .await?;
        Ok(usize::try_from(moved).unwrap_or_default())
    }
}
