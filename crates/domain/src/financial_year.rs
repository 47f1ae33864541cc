//! The calendar of India: its financial year, 1 April to 31 March, and the day there on which something happened.

use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Utc};

/// Indian standard time is five and a half hours ahead of UTC, all year.
const INDIA_S: i32 = 19_800;

/// The instant by the clocks of India.
pub fn in_india(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    FixedOffset::east_opt(INDIA_S).map_or_else(|| at.fixed_offset(), |offset| at.with_timezone(&offset))
}

/// The calendar day in India.
pub fn day_in_india(at: DateTime<Utc>) -> NaiveDate {
    in_india(at).date_naive()
}

/// When a calendar day in India begins.
pub fn start_of_day_in_india(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc() - chrono::TimeDelta::seconds(i64::from(INDIA_S))
}

/// A financial year, named by the calendar year in which it begins; in text `26-27`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FinancialYear(i32);

impl FinancialYear {
    /// The year that contains the instant, by the calendar of India.
    pub fn at(at: DateTime<Utc>) -> Self {
        let day = day_in_india(at);
        Self(if day.month() < 4 { day.year() - 1 } else { day.year() })
    }

    /// The year that begins in April of `year`.
    pub const fn beginning(year: i32) -> Self {
        Self(year)
    }

    /// The calendar year in which it begins.
    pub const fn start_year(self) -> i32 {
        self.0
    }
}

impl fmt::Display for FinancialYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.0.rem_euclid(100), (self.0 + 1).rem_euclid(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_begins_at_midnight_in_india() {
        let cases = [
            ("2027-03-31T18:29:59Z", "26-27"),
            ("2027-03-31T18:30:00Z", "27-28"),
            ("2026-12-31T23:59:59Z", "26-27"),
            ("2027-01-01T00:00:00Z", "26-27"),
            ("2099-04-01T00:00:00Z", "99-00"),
        ];
        for (at, expected) in cases {
            assert_eq!(FinancialYear::at(at.parse().unwrap()).to_string(), expected, "{at}");
        }
    }

    #[test]
    fn a_day_in_india_begins_in_the_evening_before() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 28).unwrap();
        let start = start_of_day_in_india(day);
        assert_eq!(start, "2026-11-27T18:30:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(day_in_india(start), day);
        assert_eq!(day_in_india(start - chrono::TimeDelta::seconds(1)), day.pred_opt().unwrap());
    }
}
