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

/// Range of versions, read by a scheme.
#[derive(Debug, Clone)]
pub struct ResolvedRange(Vec<Test>);

/// Comparison with a version that was read.
#[derive(Debug, Clone)]
enum Test {
    /// By the position in the order.
    Order(Operator, VersionKey),
    /// By the epoch of PEP 440 and the first numbers; true if versions that begin with them are in the range.
    Prefix { epoch: u64, first: Vec<u64>, is_inside: bool },
}

impl VersionRange {
    /// Reads the versions that the range names.
    ///
    /// # Errors
    ///
    /// Fails if one of them is not a version of the scheme.
    pub fn resolve(&self, scheme: &VersionScheme) -> Result<ResolvedRange, VersionError> {
        self.0.iter().map(|comparison| comparison.resolve(scheme)).collect::<Result<_, _>>().map(ResolvedRange)
    }

    /// Returns why the range cannot be used with a scheme, if it cannot.
    pub fn problem(&self, scheme: &VersionScheme) -> Option<String> {
        let prefix = self.0.iter().find(|comparison| comparison.is_prefix);
        match (scheme, prefix) {
            (VersionScheme::Listed(_), Some(prefix)) => Some(format!("`{prefix}`: versions of a list have no `.*`")),
            (VersionScheme::Listed(_) | VersionScheme::Pep440 | VersionScheme::Semver, _) => {
                self.resolve(scheme).err().map(|error| error.to_string())
            }
        }
    }

    /// Returns positions by which ranges can be compared: each version that the range names and some after it, in the gap before
    /// any other that people would name. Without those of a list, which are all known.
    pub(crate) fn samples(&self, scheme: &VersionScheme) -> Vec<VersionKey> {
        let of_comparison = |comparison: &Comparison| {
            let named = scheme.key_of(&comparison.version).ok();
            let after = if comparison.is_prefix { scheme.key_of(&comparison.after_prefix()).ok() } else { None };
            named.into_iter().chain(after).flat_map(VersionKey::with_newer).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_comparison).collect()
    }
}

impl ResolvedRange {
    /// Returns whether a version is in the range.
    pub fn contains(&self, version: &VersionKey) -> bool {
        self.0.iter().all(|test| test.holds(version))
    }
}

impl Comparison {
    fn resolve(&self, scheme: &VersionScheme) -> Result<Test, VersionError> {
        let bound = scheme.key_of(&self.version)?;
        if !self.is_prefix {
            return Ok(Test::Order(self.operator, bound));
        }
        let count = self.version.matches('.').count() + 1;
        let (epoch, first) = numbers(&bound, count);
        Ok(Test::Prefix { epoch, first, is_inside: self.operator == Operator::Equal })
    }

    /// Returns the first version after those of the prefix: `1.3` for `1.2.*`.
    fn after_prefix(&self) -> String {
        let (before, last) = self.version.rsplit_once('.').unwrap_or(("", &self.version));
        let next = last.parse::<u64>().ok().and_then(|last| last.checked_add(1)).unwrap_or_default();
        if before.is_empty() { next.to_string() } else { format!("{before}.{next}") }
    }
}

impl Test {
    fn holds(&self, version: &VersionKey) -> bool {
        match self {
            Self::Order(operator, bound) => holds_by_order(*operator, version, bound),
            Self::Prefix { epoch, first, is_inside } => {
                *is_inside == (numbers(version, first.len()) == (*epoch, first.clone()))
            }
        }
    }
}

/// The epoch and the first numbers of a version, with zeros for those that it does not spell.
fn numbers(version: &VersionKey, count: usize) -> (u64, Vec<u64>) {
    let padded = |numbers: &[u64]| numbers.iter().copied().chain(std::iter::repeat(0)).take(count).collect();
    match &version.0 {
        Key::Pep440(version) => (version.epoch(), padded(version.release())),
        Key::Semver(version) => (0, padded(&[version.major, version.minor, version.patch])),
        Key::Listed(_) => (0, Vec::new()),
    }
}

/// Compares positions. As in PEP 440, `<2` does not have the pre-releases of 2, and `>2` not its post-releases, unless the bound
/// is one itself.
fn holds_by_order(operator: Operator, version: &VersionKey, bound: &VersionKey) -> bool {
    match operator {
        Operator::Equal => version == bound,
        Operator::NotEqual => version != bound,
        Operator::AtLeast => version >= bound,
        Operator::Above => version > bound && !is_postrelease_of(version, bound),
        Operator::AtMost => version <= bound,
        Operator::Below => version < bound && !is_prerelease_of(version, bound),
    }
}

/// The most numbers of a version that are compared.
const NUMBERS: usize = 32;

fn is_prerelease_of(version: &VersionKey, bound: &VersionKey) -> bool {
    version.is_prerelease() && !bound.is_prerelease() && numbers(version, NUMBERS) == numbers(bound, NUMBERS)
}

fn is_postrelease_of(version: &VersionKey, bound: &VersionKey) -> bool {
    let (Key::Pep440(post), Key::Pep440(of)) = (&version.0, &bound.0) else { return false };
    let is_post = post.post().is_some() && of.post().is_none() && post.pre() == of.pre();
    is_post && numbers(version, NUMBERS) == numbers(bound, NUMBERS)
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
