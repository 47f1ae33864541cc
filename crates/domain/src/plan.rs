//! Plans, what they cost and what they allow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::{Money, Paise};
use crate::text_enum::text_enum;

text_enum! {
    /// A plan, ordered from the smallest to the largest.
    PlanCode {
        /// One person.
        Ascent = "ascent",
        /// A small team.
        Glide = "glide",
        /// A company.
        Soar = "soar",
    }
}

text_enum! {
    /// How long one payment lasts.
    Cycle {
        /// One calendar month.
        Monthly = "monthly",
        /// One calendar year, for the price of ten months.
        Yearly = "yearly",
    }
}

impl Cycle {
    /// The length of a period in calendar months.
    pub const fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Yearly => 12,
        }
    }
}

/// What `plan` costs for one `cycle`, 18 % GST included.
pub const fn price(plan: PlanCode, cycle: Cycle) -> Money {
    let paise = match (plan, cycle) {
        (PlanCode::Ascent, Cycle::Monthly) => 500_000,
        (PlanCode::Ascent, Cycle::Yearly) => 5_000_000,
        (PlanCode::Glide, Cycle::Monthly) => 700_000,
        (PlanCode::Glide, Cycle::Yearly) => 7_000_000,
        (PlanCode::Soar, Cycle::Monthly) => 1_000_000,
        (PlanCode::Soar, Cycle::Yearly) => 10_000_000,
    };
    Money::inr(Paise::new(paise))
}

/// What an active subscription allows. An absent limit is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Entitlements {
    /// Members of the workspace, the owner included.
    pub seats: Option<u32>,
    /// Campaigns that may exist at once.
    pub campaigns: Option<u32>,
    /// Moves that may be planned in a week.
    pub moves_per_week: Option<u32>,
    /// Whether integrators may read by API.
    pub api_access: bool,
    /// Whether owners may export the audit log.
    pub audit_export: bool,
}

impl PlanCode {
    /// What this plan allows.
    pub const fn entitlements(self) -> Entitlements {
        match self {
            Self::Ascent => {
                Entitlements { seats: Some(1), campaigns: Some(3), moves_per_week: Some(3), api_access: false, audit_export: false }
            }
            Self::Glide => Entitlements { seats: Some(5), campaigns: None, moves_per_week: None, api_access: false, audit_export: false },
            Self::Soar => Entitlements { seats: None, campaigns: None, moves_per_week: None, api_access: true, audit_export: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_costs_ten_months() {
        for &plan in PlanCode::ALL {
            let month = price(plan, Cycle::Monthly).amount;
            assert_eq!(month.checked_mul(10), Ok(price(plan, Cycle::Yearly).amount), "{plan}");
        }
    }

    #[test]
    fn the_monthly_prices_are_those_of_the_price_list() {
        let monthly = PlanCode::ALL.iter().map(|&plan| price(plan, Cycle::Monthly).amount.get());
        assert_eq!(monthly.collect::<Vec<_>>(), [500_000, 700_000, 1_000_000]);
    }

    #[test]
    fn a_larger_plan_never_allows_less() {
        let limit = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
        for pair in PlanCode::ALL.windows(2) {
            let (small, large) = (pair[0].entitlements(), pair[1].entitlements());
            assert!(limit(small.seats) < limit(large.seats));
            assert!(limit(small.campaigns) <= limit(large.campaigns));
            assert!(limit(small.moves_per_week) <= limit(large.moves_per_week));
            assert!(small.api_access <= large.api_access && small.audit_export <= large.audit_export);
        }
    }

    #[test]
    fn names_are_the_same_in_sql_and_json() {
        for &plan in PlanCode::ALL {
            assert_eq!(plan.as_str().parse(), Ok(plan));
            assert_eq!(serde_json::to_value(plan).unwrap(), plan.as_str());
        }
        assert!("Ascent".parse::<PlanCode>().is_err());
    }
}
