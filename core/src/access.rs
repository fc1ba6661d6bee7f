//! Who may do what: the roles of operators, and the tokens that admit hosts and operators.

use crate::names::{HostName, OperatorName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an operator may do; each role includes the ones before it.
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

/// Who a certificate or a token speaks for. In a certificate: the subject's common name, `host:lab-1` or `operator:ada`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Host(HostName),
    Operator(OperatorName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.pad(&format!("host:{host}")),
            Self::Operator(operator) => f.pad(&format!("operator:{operator}")),
        }
    }
}

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

/// A join token: what admits a host or an operator, once.
///
/// Its text is `fleet1.ADDRESS.FINGERPRINT.SECRET.CHECK`, each part in hex but for the version: the coordinator's
/// `HOST:PORT`, the SHA-256 of the CA certificate (DER), 32 random bytes, and the first 4 bytes of the SHA-256 of all
/// that stands before it. Who joins compares the fingerprint with what the port presents before the secret leaves.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    pub address: String,
    pub ca_fingerprint: [u8; 32],
    pub secret: [u8; 32],
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("address", &self.address).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a join token: it must begin with `fleet1.`")]
    NotAToken,
    #[error("the token is incomplete or has a typing error; copy it whole, without a line break")]
    Damaged,
}
