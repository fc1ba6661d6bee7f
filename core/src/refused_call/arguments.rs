//! Arguments of refusals: small enums, each value with the word that stands for it on the wire and in logs, and records.

use crate::names::RepositoryName;
use crate::time::Time;
use std::fmt;

/// Declares an enum whose values have words.
macro_rules! named {
    ($(#[doc = $about:literal])+ $kind:ident { $(#[doc = $doc:literal] $name:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind {
            $(#[doc = $doc] $name,)+
        }

        impl $kind {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self {
                    $(Self::$name => $word,)+
                })
            }
        }

        impl std::str::FromStr for $kind {
            type Err = std::fmt::Error;
            fn from_str(word: &str) -> Result<Self, std::fmt::Error> {
                Self::ALL.iter().copied().find(|value| value.to_string() == word).ok_or(std::fmt::Error)
            }
        }
    };
}
pub(super) use named;

named! {
    /// Kind of something that has a name.
    NamedKind {
        /// A host.
        Host = "host",
        /// An instance.
        Instance = "instance",
        /// An app.
        App = "app",
        /// A release of an app.
        Release = "release",
        /// A backup.
        Backup = "backup",
        /// A rollout.
        Rollout = "rollout",
        /// A backup policy.
        Policy = "policy",
        /// A repository.
        Repository = "repository",
        /// An operator.
        Operator = "operator",
        /// A token.
        Token = "token",
    }
}

named! {
    /// Something of which there is a limited number.
    CountedThing {
        /// Connections of one machine.
        Connections = "connections",
        /// Images of one request.
        Images = "images",
        /// Invitations that are open.
        Invitations = "invitations",
        /// Backup policies.
        Policies = "policies",
    }
}

named! {
    /// Work that only some calls may do at the same time.
    SharedWork {
        /// Reads repositories.
        ReadRepositories = "read repositories",
        /// Renders releases.
        RenderReleases = "render releases",
    }
}

named! {
    /// Part of the location of a repository.
    LocationPart {
        /// Path of a folder.
        Path = "path",
        /// Endpoint of a bucket.
        Endpoint = "endpoint",
        /// Name of a bucket.
        Bucket = "bucket",
        /// Region of a bucket.
        Region = "region",
        /// Prefix in a bucket.
        Prefix = "prefix",
    }
}

/// Snapshot that may be a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotCandidate {
    /// First digits of the snapshot's id.
    pub snapshot: String,
    /// Repository that has it.
    pub repository: RepositoryName,
    /// Time that its writer states.
    pub at: Time,
    /// Size of its data.
    pub bytes: u64,
}

impl fmt::Display for SnapshotCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} of {} with {} bytes", self.snapshot, self.repository, self.at, self.bytes)
    }
}
