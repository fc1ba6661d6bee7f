//! Permissions: the roles of operators, and the tokens that admit hosts and operators.

mod token;

pub use token::{JoinToken, TokenError};

use crate::names::{HostName, OperatorName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Role of an operator; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Installs, changes and rolls out.
    Operator,
    /// Admits and removes hosts and operators.
    Administrator,
}

impl Role {
    /// Returns whether this role includes `needed`.
    pub fn allows(self, needed: Self) -> bool {
        self >= needed
    }
}

/// Text that is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: write viewer, operator or administrator")]
pub struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;
    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "administrator" | "admin" => Ok(Self::Administrator),
            other => Err(RoleError(other.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        })
    }
}

/// Holder of a certificate or a token. In a certificate: the subject's common name, `host:lab-1` or `operator:ada`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Agent of a host.
    Host(HostName),
    /// Operator.
    Operator(OperatorName),
}

/// Kind of subject that a joining machine wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joiner {
    /// A host.
    Host,
    /// An operator.
    Operator,
}

impl Subject {
    /// Returns the kind of the subject.
    pub fn joiner(&self) -> Joiner {
        match self {
            Self::Host(_) => Joiner::Host,
            Self::Operator(_) => Joiner::Operator,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.pad(&format!("host:{host}")),
            Self::Operator(operator) => f.pad(&format!("operator:{operator}")),
        }
    }
}

/// Text that is not a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither host:NAME nor operator:NAME")]
pub struct SubjectError(String);

impl FromStr for Subject {
    type Err = SubjectError;
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let wrong = || SubjectError(text.chars().take(80).collect());
        match text.split_once(':') {
            Some(("host", name)) => name.parse().map(Self::Host).map_err(|_| wrong()),
            Some(("operator", name)) => name.parse().map(Self::Operator).map_err(|_| wrong()),
            Some(_) | None => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_the_ones_before_it() {
        assert!(Role::Administrator.allows(Role::Viewer));
        assert!(Role::Operator.allows(Role::Operator));
        assert!(!Role::Viewer.allows(Role::Operator));
    }

    #[test]
    fn a_subject_reads_back_as_it_was_written() {
        for text in ["host:lab-1", "operator:ada@example.org"] {
            assert_eq!(text.parse::<Subject>().map(|subject| subject.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "lab-1", "host:", "host:Lab", "robot:r2"] {
            assert!(text.parse::<Subject>().is_err(), "`{text}` should be refused");
        }
    }
}
