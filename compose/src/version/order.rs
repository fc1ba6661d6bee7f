//! Order of versions: PEP 440, Semantic Versioning, or a list.
//!
//! Sources: the "Version scheme" of the Python packaging specifications (PEP 440), and Semantic Versioning 2.0.0.

use crate::names::Version;
use serde::{Deserialize, Serialize};

/// The most versions that a list may name.
const LIST_LIMIT: usize = 1000;

/// Scheme by which the versions of an app are ordered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionScheme {
    /// PEP 440: `1.2`, `1.2.0` and `v1.2` are one version, and `1.2rc1` is older.
    #[default]
    Pep440,
    /// Semantic Versioning: `1.2.0-rc.1` is older than `1.2.0`. A `v` before it and missing numbers are allowed.
    Semver,
    /// Versions from the oldest to the newest, in any spelling.
    #[serde(untagged)]
    Listed(Vec<Version>),
}

/// Position of a version in the order of its scheme. Spellings of one version are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionKey(pub(super) Key);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Pep440(Box<pep440_rs::Version>),
    Semver(Box<semver::Version>),
    Listed(usize),
}

/// Reason why a version has no position in an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not a version by PEP 440.
    #[error("`{0}` is not a version by PEP 440, such as `1.2`, `1.2rc1` or `2026.11`")]
    NotPep440(String),
    /// Not a version by Semantic Versioning.
    #[error("`{0}` is not a version by Semantic Versioning, such as `1.2.0` or `1.2.0-rc.1`")]
    NotSemver(String),
    /// Not in the list of the scheme.
    #[error("`{0}` is not in the list of `upgrades.scheme`")]
    NotListed(String),
}

impl VersionError {
    /// Returns the text that is not a version of the scheme.
    pub fn version(&self) -> &str {
        let (Self::NotPep440(text) | Self::NotSemver(text) | Self::NotListed(text)) = self;
        text
    }
}

impl VersionScheme {
    /// Returns the position of a version.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a version of this scheme.
    pub fn key(&self, version: &Version) -> Result<VersionKey, VersionError> {
        self.key_of(version.as_str())
    }

    /// Returns the position of a version as an app reports it, which may have characters that no release's version has.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a version of this scheme.
    pub fn key_of(&self, text: &str) -> Result<VersionKey, VersionError> {
        let found = match self {
            Self::Pep440 => text.parse().map(|version| Key::Pep440(Box::new(version))).ok(),
            Self::Semver => semantic(text).map(|version| Key::Semver(Box::new(version))),
            Self::Listed(versions) => versions.iter().position(|one| one.as_str() == text).map(Key::Listed),
        };
        found.map(VersionKey).ok_or_else(|| match self {
            Self::Pep440 => VersionError::NotPep440(text.to_owned()),
            Self::Semver => VersionError::NotSemver(text.to_owned()),
            Self::Listed(_) => VersionError::NotListed(text.to_owned()),
        })
    }

    /// Returns whether two texts spell one version. Texts that the scheme cannot order are compared as they are.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        match (self.key_of(one), self.key_of(other)) {
            (Ok(one), Ok(other)) => one == other,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => one == other,
        }
    }

    /// Returns whether it is the scheme of an app that names none.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the problem of a list: empty, too long, or with a version that stands twice.
    pub fn problem(&self) -> Option<String> {
        let Self::Listed(versions) = self else { return None };
        if versions.is_empty() || versions.len() > LIST_LIMIT {
            return Some(format!("a list of versions has 1 to {LIST_LIMIT}, from the oldest to the newest"));
        }
        let twice = versions.iter().enumerate().find(|(at, version)| versions[..*at].contains(version));
        twice.map(|(_, version)| format!("`{version}` stands twice in the list"))
    }
}

impl VersionKey {
    /// Returns whether it is a pre-release or a development release. Versions of a list never are.
    pub fn is_prerelease(&self) -> bool {
        match &self.0 {
            Key::Pep440(version) => version.any_prerelease(),
            Key::Semver(version) => !version.pre.is_empty(),
            Key::Listed(_) => false,
        }
    }

    /// Returns it with newer ones that stand between it and any version that people would name. A list has none.
    pub(crate) fn with_newer(self) -> Vec<Self> {
        let newer = match &self.0 {
            Key::Pep440(version) => newer_by_pep440(version).map(|version| Key::Pep440(Box::new(version))).collect(),
            Key::Semver(version) => newer_by_semver(version).map(|version| Key::Semver(Box::new(version))).collect(),
            Key::Listed(_) => Vec::new(),
        };
        std::iter::once(self).chain(newer.into_iter().map(Self)).collect()
    }
}

/// The next post-release, two versions after all post-releases, and the next pre-release of a pre-release.
fn newer_by_pep440(version: &pep440_rs::Version) -> impl Iterator<Item = pep440_rs::Version> {
    let of = |more: &[u64]| {
        let release = version.release().iter().chain(more).copied().collect::<Vec<_>>();
        pep440_rs::Version::new(release).with_epoch(version.epoch())
    };
    let post = version.clone().with_dev(None).with_post(Some(version.post().map_or(0, |post| post.saturating_add(1))));
    let pre = version.pre().map(|pre| {
        let next = pep440_rs::Prerelease { kind: pre.kind, number: pre.number.saturating_add(1) };
        of(&[]).with_pre(Some(next))
    });
    [post, of(&[0, 1]), of(&[0, 2])].into_iter().chain(pre)
}

/// The next two patches, and the version of a pre-release.
fn newer_by_semver(version: &semver::Version) -> impl Iterator<Item = semver::Version> {
    let patch = |more: u64| {
        let patch = version.patch.checked_add(more)?;
        Some(semver::Version::new(version.major, version.minor, patch))
    };
    [0, 1, 2].into_iter().filter_map(patch)
}

/// Reads a version of one to three numbers; what follows a `+` does not count in the order.
fn semantic(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 2_usize.checked_sub(numbers.matches('.').count())?;
    let mut version = semver::Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()?;
    version.build = semver::BuildMetadata::EMPTY;
    Some(version)
}
