//! Join tokens as they are kept: never the secret, only its hash.

use super::IdentityError;
use data_encoding::HEXLOWER;
use fleet_core::access::{Role, Subject};
use fleet_core::time::Time;
use fleet_proto::v1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A join token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKept {
    /// Host or operator that it admits.
    pub subject: Subject,
    /// Role of an operator.
    pub role: Option<Role>,
    /// Number of machines that it may admit.
    pub uses: u32,
    /// Number of machines that it may still admit.
    pub uses_left: u32,
    /// Time at which it was made.
    pub created: Time,
    /// Time at which it expires.
    pub expires: Time,
    /// True if an operator has revoked it.
    pub revoked: bool,
    /// Machines admitted recently, by the certified key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admitted: Vec<Admitted>,
}

/// One use of a token. If the answer is lost, the same key gets another certificate for the same use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The SHA-256 of the public key, in hex.
    pub key: String,
    /// Serial of the certificate.
    pub serial: String,
    /// Time of the admission.
    pub at: Time,
}

/// An answer that was lost is asked for again within this.
const AGAIN: Duration = Duration::from_secs(600);

/// State of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// Token that admits machines.
    Open,
    /// An operator has revoked it.
    Revoked,
    /// All its uses are spent.
    UsedUp,
    /// Its time is over.
    Expired,
}

impl TokenKept {
    /// A token that is both used up and expired counts as used up, so that its holder learns that a machine was
    /// admitted.
    pub fn state(&self, now: Time) -> TokenState {
        if self.revoked {
            TokenState::Revoked
        } else if self.uses_left == 0 {
            TokenState::UsedUp
        } else if self.expires <= now {
            TokenState::Expired
        } else {
            TokenState::Open
        }
    }
}

impl TokenKept {
    /// Makes a token with all its uses left.
    pub fn new(subject: Subject, role: Option<Role>, uses: u32, created: Time, expires: Time) -> Self {
        Self { subject, role, uses, uses_left: uses, created, expires, revoked: false, admitted: Vec::new() }
    }

    /// The use that admitted this key a short while ago.
    pub fn admitted(&self, key: &str, now: Time) -> Option<&Admitted> {
        self.admitted.iter().find(|it| it.key == key && now.since(it.at) <= AGAIN)
    }

    /// Notes an admission: another use, unless the key was admitted a short while ago.
    pub fn spent(mut self, admitted: Admitted) -> Self {
        let uses = u32::from(self.admitted(&admitted.key, admitted.at).is_none());
        self.uses_left = self.uses_left.saturating_sub(uses);
        self.admitted.retain(|it| it.key != admitted.key && admitted.at.since(it.at) <= AGAIN);
        self.admitted.push(admitted);
        self
    }
}

impl From<TokenState> for v1::TokenState {
    fn from(state: TokenState) -> Self {
        match state {
            TokenState::Open => Self::Open,
            TokenState::Revoked => Self::Revoked,
            TokenState::UsedUp => Self::UsedUp,
            TokenState::Expired => Self::Expired,
        }
    }
}

/// Returns a new random secret. Fails if the system gives no random numbers.
pub fn new_secret() -> Result<[u8; 32], IdentityError> {
    super::seal::random()
}

/// The hash under which a token is kept, in hex.
pub fn hash_of_secret(secret: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}
