//! Ranges of versions, such as `>=1.1,<1.3.1` or `==0.16.*`.

use super::order::{Key, VersionError, VersionKey, VersionScheme};
use crate::names::Version;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The most comparisons of a range.
const LIMIT: usize = 8;

/// Range of versions: comparisons that all hold. Which versions it has depends on the scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionRange(Vec<Comparison>);

/// One comparison of a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Comparison {
    operator: Operator,
    /// Version to compare with; of a prefix, without its `.*`.
    version: Box<str>,
    /// True for `==1.2.*` and `!=1.2.*`.
    is_prefix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Equal,
    NotEqual,
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// Longer ones first, for `>=` begins with `>`.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    (">", Operator::Above),
    ("<", Operator::Below),
];

/// Reason why a text is not a range of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// A part without an operator, or without a version.
    #[error("`{0}` is not a comparison: write one of == != >= > <= < and a version, such as `>=1.1,<2`")]
    NotAComparison(String),
    /// `.*` after another operator than `==` and `!=`.
    #[error("`{0}`: only == and != may end with `.*`")]
    Prefix(String),
    /// More comparisons than anyone needs.
    #[error("a range has at most {LIMIT} comparisons")]
    TooMany,
}

impl FromStr for VersionRange {
    type Err = RangeError;
    fn from_str(text: &str) -> Result<Self, RangeError> {
        let parts: Vec<&str> = text.split(',').collect();
        if parts.len() > LIMIT {
            return Err(RangeError::TooMany);
        }
        parts.into_iter().map(comparison).collect::<Result<_, _>>().map(Self)
    }
}

fn comparison(part: &str) -> Result<Comparison, RangeError> {
    let part = part.trim();
    let wrong = || RangeError::NotAComparison(part.chars().take(80).collect());
    let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, part.strip_prefix(sign)?.trim())));
    let (operator, version) = found.ok_or_else(wrong)?;
    let (version, is_prefix) = version.strip_suffix(".*").map_or((version, false), |version| (version, true));
    if version.parse::<Version>().is_err() {
        return Err(wrong());
    }
    if is_prefix && !matches!(operator, Operator::Equal | Operator::NotEqual) {
        return Err(RangeError::Prefix(part.chars().take(80).collect()));
    }
    Ok(Comparison { operator, version: version.into(), is_prefix })
}

impl VersionRange {
    /// Returns whether a version is in the range.
    ///
    /// # Errors
    ///
    /// Fails if a version that the range names is not one of the scheme.
    pub fn contains(&self, scheme: &VersionScheme, version: &VersionKey) -> Result<bool, VersionError> {
        let mut is_in = true;
        for comparison in &self.0 {
            is_in &= comparison.holds(scheme, version)?;
        }
        Ok(is_in)
    }

    /// Returns why the range cannot be used with a scheme, if it cannot.
    pub fn problem(&self, scheme: &VersionScheme) -> Option<String> {
        let of_comparison = |comparison: &Comparison| {
            if comparison.is_prefix && matches!(scheme, VersionScheme::Listed(_)) {
                return Some(format!("`{comparison}`: versions of a list have no `.*`"));
            }
            scheme.key_of(&comparison.version).err().map(|error| error.to_string())
        };
        self.0.iter().find_map(of_comparison)
    }

    /// Returns the one version that the range names by `==`, if it is of that kind.
    pub fn exact(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Comparison { operator: Operator::Equal, version, is_prefix: false }] => Some(version),
            _ => None,
        }
    }

    /// Returns each version that the range names: its bounds.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|comparison| &*comparison.version)
    }
}

impl Comparison {
    fn holds(&self, scheme: &VersionScheme, version: &VersionKey) -> Result<bool, VersionError> {
        let bound = scheme.key_of(&self.version)?;
        Ok(match (&version.0, &bound.0) {
            (Key::Semver(version), Key::Semver(bound)) if self.is_prefix => {
                self.has_prefix(starts_with(version, bound, &self.version))
            }
            (Key::Pep440(version), Key::Pep440(_)) => self.holds_by_pep440(version),
            _ => self.holds_by_order(version, &bound),
        })
    }

    fn has_prefix(&self, starts: bool) -> bool {
        (self.operator == Operator::Equal) == starts
    }

    fn holds_by_pep440(&self, version: &pep440_rs::Version) -> bool {
        let text = self.to_string();
        // It was checked by the scheme that the version can be read; a text that the library refuses holds for nothing.
        text.parse::<pep440_rs::VersionSpecifier>().is_ok_and(|specifier| specifier.contains(version))
    }

    /// Compares positions. As in PEP 440, `<2` does not have the pre-releases of 2.
    fn holds_by_order(&self, version: &VersionKey, bound: &VersionKey) -> bool {
        match self.operator {
            Operator::Equal => version == bound,
            Operator::NotEqual => version != bound,
            Operator::AtLeast => version >= bound,
            Operator::Above => version > bound,
            Operator::AtMost => version <= bound,
            Operator::Below => version < bound && !is_prerelease_of(version, bound),
        }
    }
}

fn is_prerelease_of(version: &VersionKey, bound: &VersionKey) -> bool {
    let (Key::Semver(version), Key::Semver(bound)) = (&version.0, &bound.0) else { return false };
    let numbers = |version: &semver::Version| (version.major, version.minor, version.patch);
    !version.pre.is_empty() && bound.pre.is_empty() && numbers(version) == numbers(bound)
}

/// Compares as many numbers as the prefix has: `1.2` has `1.2.7`.
fn starts_with(version: &semver::Version, prefix: &semver::Version, text: &str) -> bool {
    let numbers = text.matches('.').count() + 1;
    let of = |version: &semver::Version| [version.major, version.minor, version.patch];
    of(version)[..numbers.min(3)] == of(prefix)[..numbers.min(3)]
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| *operator == self.operator).map_or("", |(sign, _)| sign);
        let end = if self.is_prefix { ".*" } else { "" };
        write!(f, "{sign}{}{end}", self.version)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for comparison in &self.0 {
            write!(f, "{separator}{comparison}")?;
            separator = ",";
        }
        Ok(())
    }
}

impl TryFrom<String> for VersionRange {
    type Error = RangeError;
    fn try_from(text: String) -> Result<Self, RangeError> {
        text.parse()
    }
}

impl From<VersionRange> for String {
    fn from(range: VersionRange) -> Self {
        range.to_string()
    }
}
