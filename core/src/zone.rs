//! Time zones: IANA names and fixed offsets, from data that is part of the program.

use crate::time::Time;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Time zone in which a schedule's hours and a retention's days are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: Box<str>,
    rules: TimeZone,
}

/// Text that is not a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: write its name, such as `Europe/Berlin`, an offset, such as `+02:00`, or `UTC`")]
pub struct ZoneError(String);

/// Text that is not a moment with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a moment with its offset, such as 2026-11-19T18:00:00Z or 2026-11-19T19:00:00+01:00")]
pub struct MomentError;

/// The name alone: the rules follow from it.
impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".into(), rules: TimeZone::UTC }
    }
}

impl Zone {
    /// Returns the zone as it was written.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// A moment as the people there read it; nothing beyond the year 9999.
    pub(crate) fn zoned(&self, at: Time) -> Option<Zoned> {
        let moment = Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
        Some(moment.to_zoned(self.rules.clone()))
    }

    /// The moment at which clocks there show a time. A time that is skipped in spring counts as the same stretch later, and one
    /// that comes twice in autumn is the first. Nothing before 1970.
    pub(crate) fn moment(&self, local: DateTime) -> Option<Time> {
        let zoned = local.to_zoned(self.rules.clone()).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Time)
    }
}

impl FromStr for Zone {
    type Err = ZoneError;
    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let unknown = || ZoneError(text.chars().take(80).collect());
        if matches!(text, "UTC" | "Z") {
            return Ok(Self::default());
        }
        if text.starts_with(['+', '-']) {
            let minutes = offset_minutes(text).ok_or_else(unknown)?;
            let offset = Offset::from_seconds(minutes * 60).map_err(|_| unknown())?;
            return Ok(Self { name: text.into(), rules: TimeZone::fixed(offset) });
        }
        // The system's own data may differ from host to host, so the program's data is used.
        let rules = TimeZoneDatabase::bundled().get(text).map_err(|_| unknown())?;
        let name = rules.iana_name().ok_or_else(unknown)?.into();
        Ok(Self { name, rules })
    }
}

/// Reads a moment as people write it: `2026-11-19T18:00:00Z`, or with an offset.
pub fn moment(text: &str) -> Result<Time, MomentError> {
    let moment: Timestamp = text.trim().parse().map_err(|_| MomentError)?;
    u64::try_from(moment.as_millisecond()).map(Time).map_err(|_| MomentError)
}

fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = digits.split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hours) || !is_two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    let is_real = minutes < 60 && total <= 14 * 60;
    is_real.then_some(if sign == "-" { -total } else { total })
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(text: String) -> Result<Self, ZoneError> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        for text in ["UTC", "Europe/Berlin", "America/St_Johns", "+05:45", "-03:00"] {
            assert_eq!(text.parse::<Zone>().map(|zone| zone.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Berlin", "Europe/Nowhere", "+2", "+15:00", "+01:60", "../../etc/localtime", "+é:00"] {
            assert!(text.parse::<Zone>().is_err(), "`{text}` should be refused");
        }
    }
}
