//! Addresses that get no mail: a mailbox that does not exist, or somebody who called a mail of ours spam.
//!
//! The list has hashes. The address itself is in the mail's own row and goes with it, so that erasing mails erases it.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{BigInt, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Why an address gets no mail. The stronger reason stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// There is no such mailbox, for good.
    Bounced,
    /// Its owner called a mail spam.
    Complained,
}

impl Reason {
    pub(crate) const ALL: [Self; 2] = [Self::Bounced, Self::Complained];

    /// As in the table and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What an address is known again by, however it is spelled.
pub(crate) fn fingerprint(address: &str) -> [u8; 32] {
    Sha256::digest(address.trim().to_lowercase()).into()
}

/// Puts the address on the list; `true` when it was not there. A complaint replaces a bounce as the reason.
pub(crate) async fn add(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    address: &str,
    reason: Reason,
    mail: Option<Uuid>,
) -> QueryResult<bool> {
    let hash = fingerprint(address);
    let added = sql_query(
        "insert into mail_suppression (id, address_hash, reason, mail_id, created_at) values ($1, $2, $3, $4, $5) \
         on conflict (address_hash) do nothing",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Bytea, _>(hash.as_slice())
    .bind::<Text, _>(reason.as_str())
    .bind::<Nullable<SqlUuid>, _>(mail)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await?;
    if added == 0 && reason == Reason::Complained {
        sql_query("update mail_suppression set reason = $2 where address_hash = $1")
            .bind::<Bytea, _>(hash.as_slice())
            .bind::<Text, _>(reason.as_str())
            .execute(connection)
            .await?;
    }
    Ok(added == 1)
}

#[derive(QueryableByName)]
struct Because {
    #[diesel(sql_type = Text)]
    reason: String,
}

/// Why the address gets no mail, if it is on the list.
pub(crate) async fn reason(connection: &mut AsyncPgConnection, address: &str) -> QueryResult<Option<Reason>> {
    let found = sql_query("select reason from mail_suppression where address_hash = $1")
        .bind::<Bytea, _>(fingerprint(address).as_slice())
        .get_result::<Because>(connection)
        .await
        .optional()?;
    Ok(found.and_then(|found| Reason::parse(&found.reason)))
}

/// An address on the list.
#[derive(QueryableByName)]
pub(crate) struct Suppressed {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(crate) reason: String,
    #[diesel(sql_type = Timestamptz)]
    pub(crate) created_at: DateTime<Utc>,
    /// The address, as long as the mail that it bounced for is there.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) recipient: Option<String>,
}

/// The list, the newest first.
pub(crate) async fn list(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<Vec<Suppressed>> {
    sql_query(
        "select s.id, s.reason, s.created_at, m.recipient from mail_suppression s left join mail_outbox m on m.id = s.mail_id \
         order by s.created_at desc, s.id desc limit $1",
    )
    .bind::<BigInt, _>(limit)
    .load(connection)
    .await
}

#[derive(QueryableByName)]
struct Lifted {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Takes an address off the list, named by itself or by the id that the list shows; that id, if it was there.
pub(crate) async fn lift(connection: &mut AsyncPgConnection, address_or_id: &str) -> QueryResult<Option<Uuid>> {
    let lifted = sql_query("delete from mail_suppression where address_hash = $1 or id = $2 returning id")
        .bind::<Bytea, _>(fingerprint(address_or_id).as_slice())
        .bind::<Nullable<SqlUuid>, _>(address_or_id.parse::<Uuid>().ok())
        .get_result::<Lifted>(connection)
        .await
        .optional()?;
    Ok(lifted.map(|lifted| lifted.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_again_however_it_is_spelled() {
        assert_eq!(fingerprint(" Asha@Example.TEST "), fingerprint("asha@example.test"));
        assert_ne!(fingerprint("asha@example.test"), fingerprint("asha@example.tes"));
    }
}
