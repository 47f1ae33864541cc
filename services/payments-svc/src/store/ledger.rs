//! The ledger: double entry, append-only, in paise. A debit is positive.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    gst::TaxSplit,
    ids::{OrderId, RefundId, WorkspaceId},
    money::Paise,
};
use service_kit::db::sql_query;
use uuid::Uuid;

use crate::phonepe::MerchantOrderId;

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An order was paid: a sale, and the tax on it.
    Payment(TaxSplit),
    /// More was paid than is owed.
    Excess(Paise),
    /// A sale was given back, with its tax.
    Refund(TaxSplit),
    /// What was paid beyond what is owed was given back.
    ExcessRefund(Paise),
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Payment(_) => "payment",
            Self::Excess(_) => "excess",
            Self::Refund(_) => "refund",
            Self::ExcessRefund(_) => "excess_refund",
        }
    }

    /// Accounts and amounts, which add up to zero.
    fn entries(self) -> Vec<(&'static str, i64)> {
        let sale = |split: TaxSplit, sign: i64| {
            let TaxSplit { taxable, cgst, sgst, igst } = split;
            let sides = [("phonepe", split.gross().get()), ("sales", -taxable.get()), ("cgst", -cgst.get()), ("sgst", -sgst.get())];
            sides.into_iter().chain([("igst", -igst.get())]).map(|(account, amount)| (account, sign * amount)).collect::<Vec<_>>()
        };
        let owed = |amount: Paise, sign: i64| vec![("phonepe", sign * amount.get()), ("owed_to_payers", -sign * amount.get())];
        let mut entries = match self {
            Self::Payment(split) => sale(split, 1),
            Self::Refund(split) => sale(split, -1),
            Self::Excess(amount) => owed(amount, 1),
            Self::ExcessRefund(amount) => owed(amount, -1),
        };
        entries.retain(|(_, amount)| *amount != 0);
        entries
    }
}

/// Money that moved, once.
#[derive(Debug, Clone, Copy)]
pub struct Posting<'a> {
    /// Why.
    pub cause: Cause,
    /// Whose.
    pub workspace: WorkspaceId,
    /// The order that was paid.
    pub order: OrderId,
    /// The attempt that was paid.
    pub attempt: &'a MerchantOrderId,
    /// The refund that gave it back.
    pub refund: Option<RefundId>,
}

/// Writes a posting. The database refuses one that does not add up, and a second one of the same payment or refund.
pub async fn post(connection: &mut AsyncPgConnection, now: DateTime<Utc>, posting: Posting<'_>) -> QueryResult<usize> {
    let entries = posting.cause.entries();
    let ids: Vec<Uuid> = entries.iter().map(|_| Uuid::now_v7()).collect();
    let (accounts, amounts): (Vec<&str>, Vec<i64>) = entries.into_iter().unzip();
    sql_query(
        "insert into ledger_entry (id, posting_id, cause, account, amount, workspace_id, order_id, merchant_order_id, refund_id, occurred_at) \
         select entry.id, $4, $5, entry.account, entry.amount, $6, $7, $8, $9, $10 \
         from unnest($1::uuid[], $2::text[], $3::bigint[]) as entry (id, account, amount)",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(accounts)
    .bind::<Array<BigInt>, _>(amounts)
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(posting.cause.as_str())
    .bind::<SqlUuid, _>(posting.workspace.as_uuid())
    .bind::<SqlUuid, _>(posting.order.as_uuid())
    .bind::<Text, _>(posting.attempt.as_str())
    .bind::<Nullable<SqlUuid>, _>(posting.refund.map(RefundId::as_uuid))
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}

/// A payment or a refund, as the provider moved it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Movement {
    /// When it became certain here.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// `payment`, `excess`, `refund` or `excess_refund`.
    #[diesel(sql_type = Text)]
    pub cause: String,
    /// In paise; what went back is negative.
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
    /// Whose.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: Uuid,
    /// The order.
    #[diesel(sql_type = SqlUuid)]
    pub order_id: Uuid,
    /// The provider's name of the attempt, as we gave it.
    #[diesel(sql_type = Text)]
    pub merchant_order_id: String,
    /// The provider's id of the transaction.
    #[diesel(sql_type = Nullable<Text>)]
    pub provider_transaction_id: Option<String>,
    /// The refund.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub refund_id: Option<Uuid>,
    /// The provider's id of the refund.
    #[diesel(sql_type = Nullable<Text>)]
    pub provider_refund_id: Option<String>,
    /// The number of the invoice or credit note.
    #[diesel(sql_type = Nullable<Text>)]
    pub document: Option<String>,
    /// What was taxed, in paise; what went back is negative.
    #[diesel(sql_type = BigInt)]
    pub taxable: i64,
    /// Central tax.
    #[diesel(sql_type = BigInt)]
    pub cgst: i64,
    /// State tax.
    #[diesel(sql_type = BigInt)]
    pub sgst: i64,
    /// Integrated tax.
    #[diesel(sql_type = BigInt)]
    pub igst: i64,
}

/// What the provider moved from `from` (inclusive) to `to` (exclusive), the oldest first; of one workspace or of all.
pub async fn movements(
    connection: &mut AsyncPgConnection,
    workspace: Option<WorkspaceId>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> QueryResult<Vec<Movement>> {
    sql_query(
        "select entry.occurred_at, entry.cause, entry.amount, entry.workspace_id, entry.order_id, entry.merchant_order_id, \
           attempt.provider_transaction_id, entry.refund_id, refund.provider_refund_id, invoice.number as document, \
           sum(case side.account when 'sales' then -side.amount else 0 end)::bigint as taxable, \
           sum(case side.account when 'cgst' then -side.amount else 0 end)::bigint as cgst, \
           sum(case side.account when 'sgst' then -side.amount else 0 end)::bigint as sgst, \
           sum(case side.account when 'igst' then -side.amount else 0 end)::bigint as igst \
         from ledger_entry entry \
         cross join lateral (select account, amount from ledger_entry other where other.posting_id = entry.posting_id) side \
         join attempt on attempt.merchant_order_id = entry.merchant_order_id \
         left join refund on refund.id = entry.refund_id \
         left join invoice on case when entry.cause = 'payment' then invoice.order_id = entry.order_id and invoice.kind = 'invoice' \
           else invoice.refund_id = entry.refund_id end \
         where entry.account = 'phonepe' and entry.occurred_at >= $1 and entry.occurred_at < $2 \
           and ($3::uuid is null or entry.workspace_id = $3) \
         group by entry.id, attempt.merchant_order_id, refund.id, invoice.id order by entry.occurred_at, entry.id",
    )
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(to)
    .bind::<Nullable<SqlUuid>, _>(workspace.map(WorkspaceId::as_uuid))
    .load(connection)
    .await
}

/// An account's sum.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Balance {
    /// The account.
    #[diesel(sql_type = Text)]
    pub account: String,
    /// In paise; a debit is positive.
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
}

/// The sum of each account, of everything before `before`. They add up to zero.
pub async fn balances(connection: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<Vec<Balance>> {
    sql_query("select account, sum(amount)::bigint as amount from ledger_entry where occurred_at < $1 group by account order by account")
        .bind::<Timestamptz, _>(before)
        .load(connection)
        .await
}

#[cfg(test)]
mod tests {
    use domain::gst::Supply;

    use super::*;

    #[test]
    fn every_posting_adds_up_to_zero_and_a_refund_is_its_payment_the_other_way() {
        for gross in [100, 101, 500_000, 700_001] {
            for &supply in Supply::ALL {
                let split = TaxSplit::of(Paise::new(gross), supply);
                let (paid, back) = (Cause::Payment(split).entries(), Cause::Refund(split).entries());
                assert_eq!(paid.iter().map(|(_, amount)| amount).sum::<i64>(), 0);
                assert_eq!(paid.iter().map(|(account, amount)| (*account, -amount)).collect::<Vec<_>>(), back);
                assert!(paid.contains(&("phonepe", gross)));
            }
            for cause in [Cause::Excess(Paise::new(gross)), Cause::ExcessRefund(Paise::new(gross))] {
                assert_eq!(cause.entries().iter().map(|(_, amount)| amount).sum::<i64>(), 0);
            }
        }
    }
}
