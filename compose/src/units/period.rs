//! Lengths of time.

use super::UnitError;
use jiff::fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter};
use jiff::{Span, SpanRelativeTo, SpanRound, Unit};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, to the millisecond, below a thousand years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(Duration);

static PARSER: SpanParser = SpanParser::new();
static PRINTER: SpanPrinter = SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::None);

const LIMIT: u64 = 1000 * 366 * 86_400_000;

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// Makes a period of seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Makes a period of milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Returns the standard library's duration.
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
        match text.trim() {
            "0" => Ok(Self::ZERO),
            trimmed => read(trimmed).ok_or_else(wrong),
        }
    }
}

/// Reads numbers with their units, the largest unit first. The last number may have decimals, for hours and smaller units.
///
/// The library reads more than this: signs, words, weeks, spaces. A period has one short form, which Compose reads as well,
/// and so only the letters of that form are let through.
fn read(text: &str) -> Option<Period> {
    let is_short_form = text.bytes().all(|letter| letter.is_ascii_digit() || b".dhms".contains(&letter));
    let span = PARSER.parse_span(text).ok().filter(|_| is_short_form)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let millis = u64::try_from(duration.as_millis()).ok()?;
    (millis <= LIMIT).then(|| Period::from_millis(millis))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.as_millis()).unwrap_or(i64::MAX);
        let in_days = SpanRound::new().largest(Unit::Day).days_are_24_hours();
        let span = Span::new().try_milliseconds(millis).and_then(|span| span.round(in_days)).map_err(|_| fmt::Error)?;
        f.pad(&PRINTER.span_to_string(&span))
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
        check(" 5m ", "5m");
        check("1.5h", "1h30m");
        check("1d2h3m4s5ms", "1d2h3m4s5ms");
    }

    #[test]
    fn a_period_without_a_unit_or_too_long_is_refused() {
        for text in ["", "90", "s", "1x", "-1s", "1.s.s", ".5s", "1.2.3s", "99999999999999999999s", "400000d", "30m1h"]
        {
            check(text, "refused");
        }
    }

    #[test]
    fn other_forms_that_the_library_knows_are_refused() {
        for text in ["1 hour", "1h 30m", "1h, 30m", "+1h", "1h ago", "1w", "1mo", "2y", "01:30:00", "PT1H", "5us", "1H"]
        {
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
