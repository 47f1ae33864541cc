//! Which days a payment pays for.

use chrono::{DateTime, Months, Utc};
use domain::plan::Cycle;

/// The end of a period of one `cycle` that begins at `start`: the same day and time of the month, or the month's last
/// day where it is shorter.
pub fn end(start: DateTime<Utc>, cycle: Cycle) -> DateTime<Utc> {
    start.checked_add_months(Months::new(cycle.months())).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_on_the_same_day_or_on_the_last_of_a_shorter_month() {
        let cases = [
            ("2026-01-15T10:00:00Z", Cycle::Monthly, "2026-02-15T10:00:00Z"),
            ("2026-01-31T10:00:00Z", Cycle::Monthly, "2026-02-28T10:00:00Z"),
            ("2028-01-31T10:00:00Z", Cycle::Monthly, "2028-02-29T10:00:00Z"),
            ("2026-12-31T23:59:59Z", Cycle::Monthly, "2027-01-31T23:59:59Z"),
            ("2028-02-29T00:00:00Z", Cycle::Yearly, "2029-02-28T00:00:00Z"),
            ("2026-12-31T00:00:00Z", Cycle::Yearly, "2027-12-31T00:00:00Z"),
        ];
        for (start, cycle, expected) in cases {
            assert_eq!(end(start.parse().unwrap(), cycle), expected.parse::<DateTime<Utc>>().unwrap(), "{start} {cycle}");
        }
    }
}
