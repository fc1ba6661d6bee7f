//! The names of things, each a type of its own, parsed once at the edge.
//!
//! **Invariant:** a name in hand is valid; nothing downstream checks it again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Reason why a text is not a name of the requested kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: {reason}")]
pub struct NameError {
    /// Kind of name, with its article.
    pub kind: &'static str,
    /// Rejected text, shortened.
    pub text: String,
    /// Rule that it breaks.
    pub reason: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err(NameError { kind: $kind, text: shortened(text), reason }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// A machine with an agent; the name comes from its certificate.
    HostName, "a host name", check_name
);
name_type!(
    /// A platform we know how to operate.
    AppName, "an app name", check_name
);
name_type!(
    /// A release running on a host; unique in the fleet, and the Compose project's name.
    InstanceName, "an instance name", check_name
);
name_type!(
    /// A person or program using the coordinator.
    OperatorName, "an operator name", check_operator
);
name_type!(
    /// An app's version as its users write it: `1.2`, `v0.4.0`, `2026-03`.
    Version, "a version", check_version
);
name_type!(
    /// A SHA-256 digest, `sha256:` and 64 lower-case hex digits.
    Digest, "a digest", check_digest
);
name_type!(
    /// The id of an order, derived from the intention: asking twice is asking once.
    OrderId, "an order id", check_id
);
name_type!(
    /// The id of a backup: the id of the order that made it.
    BackupId, "a backup id", check_id
);
name_type!(
    /// The id of a snapshot in a repository: the SHA-256 of its file, 64 lower-case hex digits.
    SnapshotId, "a snapshot id", check_sha256
);
name_type!(
    /// A location that holds repositories, one for each instance.
    RepositoryName, "a repository name", check_name
);
name_type!(
    /// Schedule, retention, proof and age limit, for the instances it is given to.
    PolicyName, "a policy name", check_name
);
name_type!(
    /// A database or a set of files that an app declares.
    StoreName, "a store name", check_name
);
name_type!(
    /// The id that an operator's program gives a request: the same id again is the same request.
    RequestId, "a request id", check_request
);
name_type!(
    /// The id of a rollout: the app's name and a number, `labnotes-3`.
    RolloutId, "a rollout id", check_name
);

/// The most characters a name may have: it must fit a DNS label and a Compose project.
pub const NAME_LIMIT: usize = 63;

fn check_name(text: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.is_empty() || text.len() > NAME_LIMIT {
        return Err("it must have 1 to 63 characters");
    }
    if !text.chars().all(inner) {
        return Err("use lower-case letters, digits, `-` and `_`");
    }
    if !text.starts_with(edge) || !text.ends_with(edge) {
        return Err("it must begin and end with a letter or a digit");
    }
    Ok(())
}

fn check_request(text: &str) -> Result<(), &'static str> {
    let is_random_enough = (16..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric());
    if is_random_enough { Ok(()) } else { Err("it must be 16 to 64 letters and digits, new for each request") }
}

fn check_operator(text: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT {
        return Err("it must have 1 to 63 characters");
    }
    if !text.chars().all(allowed) {
        return Err("use letters, digits and `-_.@+`");
    }
    Ok(())
}

fn check_version(text: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT {
        return Err("it must have 1 to 63 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(allowed) {
        return Err("use letters, digits and `-_.`, beginning with a letter or a digit");
    }
    Ok(())
}

fn check_digest(text: &str) -> Result<(), &'static str> {
    let Some(hex) = text.strip_prefix("sha256:") else {
        return Err("it must begin with `sha256:`");
    };
    if hex.len() != 64 || !hex.chars().all(is_hex) {
        return Err("it must have 64 lower-case hex digits");
    }
    Ok(())
}

fn check_id(text: &str) -> Result<(), &'static str> {
    if text.len() != 24 || !text.chars().all(is_hex) {
        return Err("it must have 24 lower-case hex digits");
    }
    Ok(())
}

fn check_sha256(text: &str) -> Result<(), &'static str> {
    if text.len() != 64 || !text.chars().all(is_hex) {
        return Err("it must have 64 lower-case hex digits");
    }
    Ok(())
}

fn is_hex(c: char) -> bool {
    c.is_ascii_digit() || ('a'..='f').contains(&c)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A release, as operators write it: `labnotes@1.2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleaseName {
    /// Name of the app.
    pub app: AppName,
    /// Version of the app.
    pub version: Version,
}

impl FromStr for ReleaseName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some((app, version)) = text.split_once('@') else {
            let (kind, reason) = ("a release", "write APP@VERSION, such as `labnotes@1.2`");
            return Err(NameError { kind, text: shortened(text), reason });
        };
        Ok(Self { app: app.parse()?, version: version.parse()? })
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.app, self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = NameError>>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "`{text}` should be accepted");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "`{text}` should be refused");
        }
    }

    #[test]
    fn a_name_fits_a_dns_label_and_a_compose_project() {
        let long = "a".repeat(64);
        check::<HostName>(&["lab-1", "a", "9", "nomad_oasis"], &["", "-a", "a-", "Lab", "a.b", "a/b", &long]);
    }

    #[test]
    fn a_version_is_what_users_write() {
        check::<Version>(&["1.2", "v0.4.0", "2026-03", "1.0.0-rc1"], &["", ".1", "1/2", "1 2", "1:2"]);
    }

    #[test]
    fn a_digest_is_sha256_in_lower_case_hex() {
        let good = format!("sha256:{}", "0a".repeat(32));
        let upper = format!("sha256:{}", "0A".repeat(32));
        check::<Digest>(&[&good], &["", "sha256:", "md5:00", &upper]);
    }

    #[test]
    fn a_release_is_an_app_at_a_version() {
        check::<ReleaseName>(&["labnotes@1.2"], &["labnotes", "@1", "labnotes@", "LAB@1"]);
    }
}
