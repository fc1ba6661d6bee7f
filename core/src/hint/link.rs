//! Next actions about the link to the coordinator, as values.

use super::Hint;
use crate::names::HostName;
use serde::{Deserialize, Serialize};

/// Action about the link to the coordinator; also sent to agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkHint {
    /// Upgrade the program that called.
    UpgradeProgram,
    /// Upgrade the coordinator.
    UpgradeCoordinator,
    /// Copy the whole token, or ask for a new one.
    CopyToken,
    /// Ask for a new token.
    AskForToken,
    /// Check whom a used token admitted.
    CheckAdmitted,
    /// Use the token on the host that it is for.
    JoinOnHost(HostName),
    /// Use the token of an operator to log in.
    LogIn,
    /// Join again with a new token.
    JoinAgain,
    /// Join first.
    JoinFirst,
    /// Wait for the end of certificates, or add the operator again.
    LetCertificatesEnd,
    /// Wait, then continue.
    Wait,
    /// Set the clock of the calling machine.
    SetClock,
    /// End some connections of the calling machine.
    EndConnections,
    /// Check that the coordinator runs and can be reached.
    CheckCoordinator,
    /// Check the address, or ask for a new token.
    CheckAddress,
    /// Join again with a token of the coordinator that was dialed.
    JoinThisCoordinator,
}

impl From<LinkHint> for Hint {
    fn from(hint: LinkHint) -> Self {
        Self::Link(hint)
    }
}

impl From<LinkHint> for Option<Hint> {
    fn from(hint: LinkHint) -> Self {
        Some(Hint::Link(hint))
    }
}
