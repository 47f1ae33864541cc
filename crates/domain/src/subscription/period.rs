//! Which days a payment pays for, by the calendar of India.

use chrono::{DateTime, Datelike, Months, Utc};

use crate::financial_year::in_india;
use crate::plan::Cycle;

/// The day of the month, in India, to which periods that begin at `start` keep.
pub fn anchor_day(start: DateTime<Utc>) -> u32 {
    in_india(start).day()
}

/// The end of a period of one `cycle` that begins at `start`: the same time on the day of the month that is `anchor_day`, or on the
/// month's last day where it is shorter. A period that begins on 28 February for the 31st ends on 31 March.
pub fn end(start: DateTime<Utc>, cycle: Cycle, anchor_day: u32) -> DateTime<Utc> {
    let later = in_india(start).checked_add_months(Months::new(cycle.months()));
    let on_day = later.map(|later| (later.day()..=anchor_day).rev().find_map(|day| later.with_day(day)).unwrap_or(later));
    on_day.map_or(DateTime::<Utc>::MAX_UTC, |end| end.with_timezone(&Utc))
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
            ("2026-12-31T10:00:00Z", Cycle::Monthly, "2027-01-31T10:00:00Z"),
            ("2028-02-29T00:00:00Z", Cycle::Yearly, "2029-02-28T00:00:00Z"),
            ("2026-12-31T00:00:00Z", Cycle::Yearly, "2027-12-31T00:00:00Z"),
            // 02:00 on the 31st in India, when it is still the 30th in London.
            ("2026-01-30T20:30:00Z", Cycle::Monthly, "2026-02-27T20:30:00Z"),
        ];
        for (start, cycle, expected) in cases {
            let start = start.parse().unwrap();
            assert_eq!(end(start, cycle, anchor_day(start)), expected.parse::<DateTime<Utc>>().unwrap(), "{start} {cycle}");
        }
    }

    #[test]
    fn after_a_short_month_periods_return_to_their_day() {
        let first: DateTime<Utc> = "2026-12-31T10:00:00Z".parse().unwrap();
        let (day, mut start) = (anchor_day(first), first);
        let ends: Vec<String> = (0..5)
            .map(|_| {
                start = end(start, Cycle::Monthly, day);
                start.date_naive().to_string()
            })
            .collect();
        assert_eq!(ends, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]);
        let leap: DateTime<Utc> = "2028-02-29T10:00:00Z".parse().unwrap();
        let next = end(leap, Cycle::Yearly, 29);
        assert_eq!(
            (next.date_naive().to_string().as_str(), end(next, Cycle::Monthly, 29).date_naive().to_string().as_str()),
            ("2029-02-28", "2029-03-29")
        );
    }
}
