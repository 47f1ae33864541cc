//! Mails that are to be sent: written by use cases, claimed and marked by the mailer.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;
use service_kit::db::sql_query;
use uuid::Uuid;

use crate::transport::ATTEMPT_LIMIT;

/// A claim is of one mail and must outlast handing it over and noting the outcome: a mail claimed by a process that dies
/// waits this long for another.
pub(crate) const LEASE: TimeDelta = TimeDelta::seconds(20);
const _: () = assert!(LEASE.num_seconds().unsigned_abs() >= 2 * ATTEMPT_LIMIT.as_secs());

/// Whether a mail may be claimed at `$1`.
const DUE: &str = "available_at <= $1 and (lease_until is null or lease_until <= $1)";

/// A mail to be sent.
#[derive(Clone)]
pub struct Mail {
    /// The reason for it, for example `payment-confirmation/<order>`: one reason sends one mail. At most 256 characters.
    pub purpose_key: String,
    /// The address it goes to.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// The HTML body.
    pub html: String,
    /// The text body.
    pub text: String,
    /// What is attached, by the name that the service's [`crate::Attachments`] knows it by.
    pub attachment: Option<String>,
    /// The tenant it belongs to.
    pub workspace: Option<WorkspaceId>,
}

/// Addresses and bodies never reach a log.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("purpose_key", &self.purpose_key).finish_non_exhaustive()
    }
}

/// Writes the mail on the caller's connection, inside the transaction that makes it true. `false` means that its purpose
/// was served before.
pub async fn enqueue(connection: &mut AsyncPgConnection, now: DateTime<Utc>, mail: &Mail) -> QueryResult<bool> {
    sql_query(
        "insert into mail_outbox (id, purpose_key, recipient, subject, html, body_text, workspace_id, created_at, available_at, attachment) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) on conflict (purpose_key) do nothing",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(&mail.purpose_key)
    .bind::<Text, _>(&mail.recipient)
    .bind::<Text, _>(&mail.subject)
    .bind::<Text, _>(&mail.html)
    .bind::<Text, _>(&mail.text)
    .bind::<Nullable<SqlUuid>, _>(mail.workspace.map(WorkspaceId::as_uuid))
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(&mail.attachment)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

#[derive(QueryableByName)]
pub(crate) struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(crate) purpose_key: String,
    #[diesel(sql_type = Text)]
    pub(crate) recipient: String,
    #[diesel(sql_type = Text)]
    pub(crate) subject: String,
    #[diesel(sql_type = Text)]
    pub(crate) html: String,
    #[diesel(sql_type = Text)]
    pub(crate) body_text: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) attachment: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub(crate) created_at: DateTime<Utc>,
    /// The present attempt included.
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
}

/// Takes the mail that has been due for longest under `token`.
pub(crate) async fn claim(connection: &mut AsyncPgConnection, now: DateTime<Utc>, token: Uuid) -> QueryResult<Option<Claimed>> {
    sql_query(format!(
        "update mail_outbox set lease_until = $3, lease_token = $2, attempts = attempts + 1 \
         where id = (select id from mail_outbox where sent_at is null and failed_at is null and {DUE} \
                     order by available_at, id limit 1 for update skip locked) \
         returning id, purpose_key, recipient, subject, html, body_text, attachment, created_at, attempts",
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<SqlUuid, _>(token)
    .bind::<Timestamptz, _>(now + LEASE)
    .get_result(connection)
    .await
    .optional()
}

/// What became of an attempt.
pub(crate) enum Mark<'a> {
    Sent {
        provider_id: &'a str,
    },
    Retry {
        at: DateTime<Utc>,
        reason: &'a str,
    },
    Failed {
        reason: &'a str,
    },
    /// The address gets no mail.
    Suppressed {
        reason: &'a str,
    },
}

/// Notes the outcome, unless the lease went to somebody else meanwhile.
pub(crate) async fn mark(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: Uuid,
    token: Uuid,
    mark: &Mark<'_>,
) -> QueryResult<usize> {
    let (change, at, text) = match mark {
        // What was sent is forgotten here: it may hold what opens an account.
        Mark::Sent { provider_id } => ("sent_at = $3, provider_id = $4, last_error = null, html = '', body_text = ''", now, provider_id),
        Mark::Retry { at, reason } => ("available_at = $3, last_error = $4", *at, reason),
        Mark::Failed { reason } => ("failed_at = $3, last_error = $4", now, reason),
        // Never sent, so that its text is of no use.
        Mark::Suppressed { reason } => {
            ("failed_at = $3, last_error = $4, delivery = 'suppressed', delivery_at = $3, html = '', body_text = ''", now, reason)
        }
    };
    sql_query(format!("update mail_outbox set lease_until = null, lease_token = null, {change} where id = $1 and lease_token = $2"))
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(token)
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(*text)
        .execute(connection)
        .await
}

#[derive(QueryableByName)]
pub(crate) struct Backlog {
    #[diesel(sql_type = BigInt)]
    pub(crate) pending: i64,
    /// There is one that may be claimed now.
    #[diesel(sql_type = Bool)]
    pub(crate) due: bool,
    #[diesel(sql_type = Double)]
    pub(crate) oldest_age_s: f64,
}

pub(crate) async fn backlog(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Backlog> {
    sql_query(format!(
        "select count(*) as pending, coalesce(bool_or({DUE}), false) as due, \
           coalesce(extract(epoch from $1 - min(created_at)), 0)::double precision as oldest_age_s \
         from mail_outbox where sent_at is null and failed_at is null",
    ))
    .bind::<Timestamptz, _>(now)
    .get_result(connection)
    .await
}
