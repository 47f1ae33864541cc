//! Bans: until when a user may not come in.

use chrono::{DateTime, TimeDelta, Utc};

/// What becomes of a user's ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ban {
    /// It ends.
    Lifted,
    /// It begins now and lasts so long.
    For(TimeDelta),
}

/// A thousand years: PostgreSQL and clients can hold what comes of it.
const LONGEST_S: i64 = 1000 * 366 * 86_400;

/// A text that is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no duration")]
pub struct InvalidDuration;

impl Ban {
    /// Reads `none`, or a duration in the form that Supabase Auth takes (Go's): `24h`, `1h30m`, `90s`.
    ///
    /// # Errors
    /// [`InvalidDuration`], also for one of nothing or of more than a thousand years.
    pub fn parse(text: &str) -> Result<Self, InvalidDuration> {
        if text == "none" {
            return Ok(Self::Lifted);
        }
        let (mut rest, mut total_s) = (text, 0_i64);
        while !rest.is_empty() {
            let unit_at = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit()).ok_or(InvalidDuration)?;
            let (number, unit) = rest.split_at(unit_at);
            let unit_s = match unit.as_bytes() {
                [b'm', b's', ..] => return Err(InvalidDuration),
                [b'h', ..] => 3600,
                [b'm', ..] => 60,
                [b's', ..] => 1,
                _ => return Err(InvalidDuration),
            };
            total_s = seconds(number, unit_s).and_then(|part_s| total_s.checked_add(part_s)).ok_or(InvalidDuration)?;
            rest = unit.get(1..).unwrap_or_default();
        }
        if (1..=LONGEST_S).contains(&total_s) { Ok(Self::For(TimeDelta::seconds(total_s))) } else { Err(InvalidDuration) }
    }

    /// When it ends, when it begins now.
    pub fn until(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Lifted => None,
            Self::For(time) => Some(now + time),
        }
    }
}

/// Whole seconds of a number with a fraction, as `1.5` hours.
fn seconds(number: &str, unit_s: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // No unit is so long that a later digit made a second.
    let fraction = fraction.get(..fraction.len().min(6))?;
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let of_fraction = fraction.parse::<i64>().ok()?.checked_mul(unit_s)? / scale;
    whole.parse::<i64>().ok()?.checked_mul(unit_s)?.checked_add(of_fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let for_s = |seconds| Ok(Ban::For(TimeDelta::seconds(seconds)));
        assert_eq!(Ban::parse("24h"), for_s(86_400));
        assert_eq!(Ban::parse("1h30m5s"), for_s(5_405));
        assert_eq!(Ban::parse("1.5h"), for_s(5_400));
        assert_eq!(Ban::parse("876000h"), for_s(3_153_600_000));
        assert_eq!(Ban::parse("none"), Ok(Ban::Lifted));
        for wrong in ["", "0s", "h", "24", "-1h", "1.h", ".5h", "1..5h", "1d", "5ms", "1h ", "9223372036854775807h", "99999999999h", "для"]
        {
            assert_eq!(Ban::parse(wrong), Err(InvalidDuration), "{wrong:?}");
        }
    }
}
