//! The terms of a mandate, as both APIs of Autopay state them.

use chrono::{DateTime, Months, Utc};
use domain::money::Paise;
use serde_json::Value;

use super::limits::{amount, instant, merchant_id, one_of, present, text};
use crate::mandate::{AmountType, AuthWorkflow, Family, Terms};

/// What a penny drop takes and gives back.
const PENNY_DROP: Paise = Paise::new(200);
/// ₹15,000: above it every debit needs the customer's PIN.
const MAX_AMOUNT_AT_CHECKOUT: i64 = 1_500_000;
/// Thirty years.
const LIFE: Months = Months::new(360);

/// Pointers to the fields: flat in one API, nested in the other.
struct Fields {
    merchant_subscription_id: &'static str,
    auth_workflow: &'static str,
    amount_type: &'static str,
    max_amount: &'static str,
    frequency: &'static str,
    expire_at: &'static str,
}

const FLAT: Fields = Fields {
    merchant_subscription_id: "/paymentFlow/merchantSubscriptionId",
    auth_workflow: "/paymentFlow/authWorkflowType",
    amount_type: "/paymentFlow/amountType",
    max_amount: "/paymentFlow/maxAmount",
    frequency: "/paymentFlow/frequency",
    expire_at: "/paymentFlow/expireAt",
};
const NESTED: Fields = Fields {
    merchant_subscription_id: "/paymentFlow/subscriptionDetails/merchantSubscriptionId",
    auth_workflow: "/paymentFlow/subscriptionDetails/authWorkflowType",
    amount_type: "/paymentFlow/subscriptionDetails/amountType",
    max_amount: "/paymentFlow/subscriptionDetails/maxAmount",
    frequency: "/paymentFlow/subscriptionDetails/frequency",
    expire_at: "/paymentFlow/subscriptionDetails/expireAt",
};

impl Terms {
    /// Reads them from the request of a setup that asks for `first` as its first payment.
    pub(super) fn parse(family: Family, body: &Value, first: Paise, now: DateTime<Utc>) -> Result<Self, &'static str> {
        let fields = match family {
            Family::Subscriptions => FLAT,
            Family::Checkout => NESTED,
        };
        if family == Family::Checkout {
            check_kind(body)?;
        }
        let latest = now.checked_add_months(LIFE).unwrap_or(now);
        let expire_at = instant(body, fields.expire_at, now)?.unwrap_or(latest);
        if expire_at > latest {
            return Err("the mandate lives for more than 30 years");
        }
        let terms = Self {
            family,
            merchant_subscription_id: merchant_id(body, fields.merchant_subscription_id)?,
            phonepe_id: String::new(),
            auth_workflow: one_of(body, fields.auth_workflow)?,
            amount_type: one_of::<AmountType>(body, fields.amount_type)?,
            max_amount: amount(body, fields.max_amount)?,
            frequency: one_of(body, fields.frequency)?,
            expire_at,
        };
        if family == Family::Checkout && terms.max_amount > Paise::new(MAX_AMOUNT_AT_CHECKOUT) {
            return Err("maxAmount is more than 1500000 paise");
        }
        match terms.auth_workflow {
            AuthWorkflow::PennyDrop if first != PENNY_DROP => Err("the amount of a penny drop is not 200 paise"),
            AuthWorkflow::Transaction if !terms.allow(first) => Err("the first debit is not what the mandate allows"),
            AuthWorkflow::PennyDrop | AuthWorkflow::Transaction => Ok(terms),
        }
    }
}

fn check_kind(body: &Value) -> Result<(), &'static str> {
    if text(body, "/paymentFlow/subscriptionDetails/subscriptionType") != Some("RECURRING") {
        return Err("subscriptionType");
    }
    match present(body, "/paymentFlow/subscriptionDetails/productType") {
        Some(product) if product != "UPI_MANDATE" => Err("productType"),
        _ => Ok(()),
    }
}
