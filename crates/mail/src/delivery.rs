//! What became of mails that the provider took, as its webhooks tell: states that only ever get stronger.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// Where a mail stands with the provider. A later one in this order is never overridden by an earlier one, in whatever order
/// webhooks come: a mailbox may bounce or complain after the mail was delivered, and is not delivered to after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Delivery {
    Sent,
    Delayed,
    Delivered,
    Failed,
    Suppressed,
    Bounced,
    Complained,
}

impl Delivery {
    pub(crate) const ALL: [Self; 7] =
        [Self::Sent, Self::Delayed, Self::Delivered, Self::Failed, Self::Suppressed, Self::Bounced, Self::Complained];

    /// As in the table and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What an event of Resend's says of its mail. The list of events is open: those that say nothing of the delivery
    /// (`email.opened`), and those that come to be, are none of ours.
    pub(crate) fn of_event(name: &str) -> Option<Self> {
        match name {
            "email.sent" => Some(Self::Sent),
            "email.delivery_delayed" => Some(Self::Delayed),
            "email.delivered" => Some(Self::Delivered),
            "email.failed" => Some(Self::Failed),
            "email.suppressed" => Some(Self::Suppressed),
            "email.bounced" => Some(Self::Bounced),
            "email.complained" => Some(Self::Complained),
            _ => None,
        }
    }

    fn weaker(self) -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|state| *state < self).map(Self::as_str).collect()
    }
}

/// A webhook's event, ids and codes only.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    pub(crate) provider_id: &'a str,
    pub(crate) state: Delivery,
    pub(crate) detail: Option<&'a str>,
}

/// Holds off, to the end of the transaction, whoever else writes about the same mail: an event and the mark of its mail could
/// miss each other otherwise, as neither sees what the other has not committed.
pub(crate) async fn lock(connection: &mut AsyncPgConnection, provider_id: &str) -> QueryResult<()> {
    sql_query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(format!("mail/{provider_id}"))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Keeps the event; `false` when it came before.
pub(crate) async fn keep(connection: &mut AsyncPgConnection, now: DateTime<Utc>, event: &Event<'_>) -> QueryResult<bool> {
    sql_query(
        "insert into mail_event (event_id, provider_id, state, detail, received_at) values ($1, $2, $3, $4, $5) \
         on conflict (event_id) do nothing",
    )
    .bind::<Text, _>(event.id)
    .bind::<Text, _>(event.provider_id)
    .bind::<Text, _>(event.state.as_str())
    .bind::<Nullable<Text>, _>(event.detail)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    state: String,
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = SqlUuid)]
    #[expect(dead_code, reason = "that there is one tells that the row changed")]
    id: Uuid,
}

/// Puts the mail into the strongest state that was told of it; that state, if it is new to the mail. A mail that is not ours,
/// or is not marked as sent yet, has none.
pub(crate) async fn settle(connection: &mut AsyncPgConnection, now: DateTime<Utc>, provider_id: &str) -> QueryResult<Option<Delivery>> {
    let told = sql_query("select distinct state from mail_event where provider_id = $1")
        .bind::<Text, _>(provider_id)
        .load::<Told>(connection)
        .await?;
    let Some(strongest) = told.iter().filter_map(|told| Delivery::parse(&told.state)).max() else { return Ok(None) };
    let changed = sql_query(
        "update mail_outbox set delivery = $2, delivery_at = $3 \
         where provider_id = $1 and (delivery is null or delivery = any($4)) returning id",
    )
    .bind::<Text, _>(provider_id)
    .bind::<Text, _>(strongest.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Text>, _>(strongest.weaker())
    .get_result::<Changed>(connection)
    .await
    .optional()?;
    Ok(changed.map(|_| strongest))
}

/// A mail that the provider took.
#[derive(QueryableByName)]
pub(crate) struct Taken {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(crate) recipient: String,
}

/// The mail that the provider knows by this id.
pub(crate) async fn taken(connection: &mut AsyncPgConnection, provider_id: &str) -> QueryResult<Option<Taken>> {
    sql_query("select id, recipient from mail_outbox where provider_id = $1 limit 1")
        .bind::<Text, _>(provider_id)
        .get_result(connection)
        .await
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounce_is_stronger_than_what_was_believed_before_and_a_complaint_is_the_last_word() {
        assert!(Delivery::ALL.is_sorted());
        assert_eq!(Delivery::Bounced.weaker(), ["sent", "delayed", "delivered", "failed", "suppressed"]);
        assert_eq!(Delivery::Sent.weaker(), [""; 0]);
        for state in Delivery::ALL {
            assert_eq!(Delivery::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn events_that_tell_nothing_of_the_delivery_are_none_of_ours() {
        assert_eq!(Delivery::of_event("email.bounced"), Some(Delivery::Bounced));
        for other in ["email.opened", "email.clicked", "email.scheduled", "email.received", "email.teleported", "contact.created", ""] {
            assert_eq!(Delivery::of_event(other), None, "{other}");
        }
    }
}
