//! Lengths of time.

use super::UnitError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, to the millisecond, below a thousand years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(Duration);

/// The units in the order in which they are written; `ms` is tried before `m`.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

const LIMIT: u64 = 1000 * 366 * 86_400_000;

impl Period {
    pub const ZERO: Self = Self(Duration::ZERO);

    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn as_duration(self) -> Duration {
        self.0
    }

    fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(LIMIT)
    }
}

impl FromStr for Period {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::NotAPeriod(text.chars().take(80).collect());
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (millis, after) = first_part(rest).ok_or_else(wrong)?;
            total = total.checked_add(millis).filter(|total| *total <= LIMIT).ok_or_else(wrong)?;
            rest = after;
        }
        if text.trim().is_empty() { Err(wrong()) } else { Ok(Self::from_millis(total)) }
    }
}

/// Reads one number with its unit, such as the `1h` of `1h30m`; the number may have decimals.
fn first_part(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let (unit, millis) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || decimals.len() > 9 || decimals.contains('.') {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(*millis)?;
    if !decimals.is_empty() {
        let scale = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
        total = total.checked_add(decimals.parse::<u64>().ok()?.checked_mul(*millis)? / scale)?;
    }
    Some((total, &rest[unit.len()..]))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.as_millis();
        let mut text = String::new();
        for (unit, millis) in [UNITS[1], UNITS[2], UNITS[3], UNITS[4], UNITS[0]] {
            if rest >= millis {
                text.push_str(&format!("{}{unit}", rest / millis));
                rest %= millis;
            }
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

impl TryFrom<String> for Period {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self::from_millis(u64::try_from(duration.as_millis()).map_or(LIMIT, |millis| millis.min(LIMIT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: &str) {
        let found = given.parse::<Period>().map_or_else(|_| "refused".to_owned(), |period| period.to_string());
        assert_eq!(found, expect, "for `{given}`");
    }

    #[test]
    fn a_period_reads_as_people_write_it() {
        check("90s", "1m30s");
        check("5m", "5m");
        check("1h30m", "1h30m");
        check("500ms", "500ms");
        check("1.5s", "1s500ms");
        check("2d", "2d");
        check("0", "0s");
        check("0s", "0s");
    }

    #[test]
    fn a_period_without_a_unit_or_too_long_is_refused() {
        for text in ["", "90", "s", "1x", "-1s", "1.s.s", ".5s", "1.2.3s", "99999999999999999999s", "400000d"] {
            check(text, "refused");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_means_the_same(millis in 0..LIMIT) {
            let period = Period::from_millis(millis);
            assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = text.parse::<Period>();
        }
    }
}
