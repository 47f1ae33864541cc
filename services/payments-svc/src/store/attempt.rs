//! Attempts: one call of the provider's pay endpoint each.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::OrderId;
use service_kit::db::sql_query;
use uuid::Uuid;

use crate::phonepe::{AutopayApi, MerchantOrderId};

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// The pay endpoint is being called, or the process died while it was.
    Created,
    /// The call's answer was lost: only a status check can tell.
    Ambiguous,
    /// The provider has it.
    Pending,
    /// Paid.
    Completed,
    /// Refused or not paid.
    Failed,
    /// Not paid in time; a late success is possible.
    Expired,
    /// What the provider says of it does not match what we asked.
    Quarantined,
}

impl AttemptState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Created, Self::Ambiguous, Self::Pending, Self::Completed, Self::Failed, Self::Expired, Self::Quarantined];

    /// Whether the provider may still take or hold it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Ambiguous | Self::Pending)
    }

    /// The text form, as in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ambiguous => "ambiguous",
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A state that this build does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the state of an attempt")]
pub struct UnknownAttemptState(String);

impl std::str::FromStr for AttemptState {
    type Err = UnknownAttemptState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownAttemptState(text.to_owned()))
    }
}

/// An attempt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id at the provider.
    pub id: MerchantOrderId,
    /// The order it is for.
    pub order: OrderId,
    /// 1, 2, 3 … per order.
    pub n: u16,
    /// The provider's own id, once it gave one.
    pub provider_order_id: Option<String>,
    /// Where it stands.
    pub state: AttemptState,
    /// The API of the mandate that it sets up, or debits by.
    pub autopay: Option<AutopayApi>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    merchant_order_id: String,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = Integer)]
    n: i32,
    #[diesel(sql_type = Nullable<Text>)]
    provider_order_id: Option<String>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    autopay: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

const COLUMNS: &str = "merchant_order_id, order_id, n, provider_order_id, state, \
                       (select api from mandate join orders on mandate_id = mandate.id where orders.id = order_id) as autopay, updated_at";

impl TryFrom<Row> for Attempt {
    type Error = diesel::result::Error;

    fn try_from(row: Row) -> QueryResult<Self> {
        let unreadable = || diesel::result::Error::DeserializationError("an attempt with an impossible id or number".into());
        Ok(Self {
            id: MerchantOrderId::parse(&row.merchant_order_id).ok_or_else(unreadable)?,
            order: row.order_id.into(),
            n: u16::try_from(row.n).map_err(|_| unreadable())?,
            provider_order_id: row.provider_order_id,
            state: super::parse(&row.state)?,
            autopay: row.autopay.as_deref().map(super::parse).transpose()?,
            updated_at: row.updated_at,
        })
    }
}

/// Stores the `n`-th attempt at an order, before the provider is called. `false` means that it exists.
pub async fn insert(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: OrderId, n: u16) -> QueryResult<bool> {
    sql_query(
        "insert into attempt (merchant_order_id, order_id, n, state, created_at, updated_at) values ($1, $2, $3, 'created', $4, $4) \
         on conflict do nothing",
    )
    .bind::<Text, _>(MerchantOrderId::of(order, n).as_str())
    .bind::<SqlUuid, _>(order.as_uuid())
    .bind::<Integer, _>(i32::from(n))
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|inserted| inserted == 1)
}

/// The attempt with an id that the provider named.
pub async fn find(connection: &mut AsyncPgConnection, id: &MerchantOrderId) -> QueryResult<Option<Attempt>> {
    sql_query(format!("select {COLUMNS} from attempt where merchant_order_id = $1"))
        .bind::<Text, _>(id.as_str())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(Attempt::try_from)
        .transpose()
}

/// The attempts at an order, oldest first.
pub async fn of_order(connection: &mut AsyncPgConnection, order: OrderId) -> QueryResult<Vec<Attempt>> {
    sql_query(format!("select {COLUMNS} from attempt where order_id = $1 order by n"))
        .bind::<SqlUuid, _>(order.as_uuid())
        .get_results::<Row>(connection)
        .await?
        .into_iter()
        .map(Attempt::try_from)
        .collect()
}

/// What the provider said of an attempt that is written with its state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// The provider's own id.
    pub provider_order_id: Option<&'a str>,
    /// The transaction that paid it.
    pub transaction_id: Option<&'a str>,
    /// Where the payer pays.
    pub redirect_url: Option<&'a str>,
    /// When the provider closes it.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Moves the attempt to `to` if it is in one of `from`: of several at once exactly one succeeds.
pub async fn transition(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: &MerchantOrderId,
    from: &[AttemptState],
    to: AttemptState,
    change: Change<'_>,
) -> QueryResult<bool> {
    sql_query(
        "update attempt set state = $3, updated_at = $4, provider_order_id = coalesce($5, provider_order_id), \
           provider_transaction_id = coalesce($6, provider_transaction_id), redirect_url = coalesce($7, redirect_url), \
           expires_at = coalesce($8, expires_at) \
         where merchant_order_id = $1 and state = any($2)",
    )
    .bind::<Text, _>(id.as_str())
    .bind::<diesel::sql_types::Array<Text>, _>(from.iter().map(|state| state.as_str()).collect::<Vec<_>>())
    .bind::<Text, _>(to.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(change.provider_order_id)
    .bind::<Nullable<Text>, _>(change.transaction_id)
    .bind::<Nullable<Text>, _>(change.redirect_url)
    .bind::<Nullable<Timestamptz>, _>(change.expires_at)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

/// Takes the right to send an attempt again: only when its answer was lost, or when it was being sent before
/// `sent_before` and whoever sent it must be gone.
pub async fn claim_resend(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    id: &MerchantOrderId,
    sent_before: DateTime<Utc>,
) -> QueryResult<bool> {
    sql_query(
        "update attempt set state = 'created', updated_at = $2 \
         where merchant_order_id = $1 and (state = 'ambiguous' or (state = 'created' and updated_at <= $3))",
    )
    .bind::<Text, _>(id.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(sent_before)
    .execute(connection)
    .await
    .map(|updated| updated == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in AttemptState::ALL {
            assert_eq!(state.as_str().parse::<AttemptState>().unwrap(), state);
        }
        assert!("paid".parse::<AttemptState>().is_err());
    }
}
