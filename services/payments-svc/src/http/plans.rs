//! `GET /api/payments/v2/plans`.

use actix_web::{HttpResponse, get};
use domain::{
    ErrorCode,
    gst::{Supply, TaxSplit},
    plan::{Cycle, Entitlements, PlanCode, price},
};
use serde::Serialize;
use service_kit::http::{FieldError, Problem};
use utoipa::ToSchema;

use crate::mail_template::plan_name;

/// The price list.
#[derive(Debug, Serialize, ToSchema)]
struct PlanList {
    /// From the smallest to the largest.
    plans: Vec<PlanBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PlanBody {
    #[schema(example = "ascent")]
    code: &'static str,
    #[schema(example = "Ascent")]
    name: &'static str,
    monthly: PriceBody,
    yearly: PriceBody,
    entitlements: EntitlementsBody,
}

#[derive(Debug, Serialize, ToSchema)]
struct PriceBody {
    /// In paise, GST included.
    #[schema(example = 500_000)]
    amount: i64,
    #[schema(example = "INR")]
    currency: &'static str,
    /// In paise, without GST.
    net: i64,
    /// The GST in `amount`, in paise. Within the seller's state each half of it is rounded, which can differ by a paisa.
    gst: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct EntitlementsBody {
    /// Members of the workspace; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    /// Campaigns at once; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaigns: Option<u32>,
    /// Moves planned in a week; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves_per_week: Option<u32>,
    api_access: bool,
    audit_export: bool,
}

impl From<Entitlements> for EntitlementsBody {
    fn from(entitlements: Entitlements) -> Self {
        let Entitlements { seats, campaigns, moves_per_week, api_access, audit_export } = entitlements;
        Self { seats, campaigns, moves_per_week, api_access, audit_export }
    }
}

fn price_body(plan: PlanCode, cycle: Cycle) -> PriceBody {
    let price = price(plan, cycle);
    let split = TaxSplit::of(price.amount, Supply::BetweenStates);
    PriceBody { amount: price.amount.get(), currency: price.currency.as_str(), net: split.taxable.get(), gst: split.tax().get() }
}

/// A plan and a cycle that a request names.
pub(super) fn chosen(plan: &str, cycle: &str) -> Result<(PlanCode, Cycle), Problem> {
    let (plan, cycle) = (plan.parse::<PlanCode>(), cycle.parse::<Cycle>());
    if let (Ok(plan), Ok(cycle)) = (&plan, &cycle) {
        return Ok((*plan, *cycle));
    }
    let field = |pointer: &str, message: &str| FieldError { pointer: pointer.into(), code: "unknown".into(), message: message.into() };
    let mut errors = Vec::new();
    if plan.is_err() {
        errors.push(field("/plan", "not a plan of the price list"));
    }
    if cycle.is_err() {
        errors.push(field("/cycle", "neither monthly nor yearly"));
    }
    Err(Problem::new(ErrorCode::PlanUnknown).errors(errors))
}

/// The plans with their prices and what they allow.
#[utoipa::path(tag = "plans", responses((status = 200, description = "The price list", body = PlanList)))]
#[get("/api/payments/v2/plans")]
pub(super) async fn list_plans() -> HttpResponse {
    let plans = PlanCode::ALL
        .iter()
        .map(|&plan| PlanBody {
            code: plan.as_str(),
            name: plan_name(plan),
            monthly: price_body(plan, Cycle::Monthly),
            yearly: price_body(plan, Cycle::Yearly),
            entitlements: plan.entitlements().into(),
        })
        .collect();
    HttpResponse::Ok().insert_header(("Cache-Control", "public, max-age=300")).json(PlanList { plans })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gst_and_net_add_up_to_the_price() {
        for &plan in PlanCode::ALL {
            for &cycle in Cycle::ALL {
                let body = price_body(plan, cycle);
                assert_eq!(body.net + body.gst, body.amount);
            }
        }
        assert_eq!((price_body(PlanCode::Ascent, Cycle::Monthly).net, price_body(PlanCode::Ascent, Cycle::Monthly).gst), (423_729, 76_271));
    }
}
