//! Amounts of bytes.

use super::UnitError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An amount of bytes. Units are powers of 1024, as Compose and Docker read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

const UNITS: [(char, u64); 4] = [('t', 1 << 40), ('g', 1 << 30), ('m', 1 << 20), ('k', 1 << 10)];

impl Size {
    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::NotASize(text.chars().take(80).collect());
        let lower = text.trim().to_ascii_lowercase();
        let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
        let (number, unit) = lower.split_at(end);
        let scale = scale_of(unit).ok_or_else(wrong)?;
        scaled(number, scale).map(Self).ok_or_else(wrong)
    }
}

fn scale_of(unit: &str) -> Option<u64> {
    if unit.is_empty() || unit == "b" {
        return Some(1);
    }
    let (_, scale) = UNITS.iter().find(|(letter, _)| unit.starts_with(*letter))?;
    matches!(&unit[1..], "" | "b" | "ib").then_some(*scale)
}

fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let base = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    if decimals.is_empty() {
        return (!number.ends_with('.')).then_some(base);
    }
    if decimals.len() > 6 {
        return None;
    }
    let divisor = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    base.checked_add(decimals.parse::<u64>().ok()?.checked_mul(scale)? / divisor)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(_, scale)| self.0 > 0 && self.0.is_multiple_of(*scale));
        match exact {
            Some((letter, scale)) => f.pad(&format!("{}{letter}", self.0 / scale)),
            None => f.pad(&format!("{}b", self.0)),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: Option<u64>) {
        assert_eq!(given.parse::<Size>().ok(), expect.map(Size), "for `{given}`");
    }

    #[test]
    fn a_size_reads_as_docker_reads_it() {
        check("512", Some(512));
        check("64b", Some(64));
        check("1k", Some(1024));
        check("64MB", Some(64 << 20));
        check("2GiB", Some(2 << 30));
        check("1.5g", Some(3 << 29));
    }

    #[test]
    fn a_size_of_an_unknown_unit_is_refused() {
        for text in ["", "m", "1x", "1mm", "-1m", "1.", "99999999999999999999t"] {
            check(text, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_means_the_same(bytes: u64) {
            assert_eq!(Size(bytes).to_string().parse::<Size>(), Ok(Size(bytes)));
        }
    }
}
