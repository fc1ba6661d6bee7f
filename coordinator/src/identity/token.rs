//! Join tokens as they are kept: never the secret, only its hash.

use super::IdentityError;
use fleet_core::access::{Role, Subject};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKept {
    pub subject: Subject,
    /// For operators.
    pub role: Option<Role>,
    pub uses: u32,
    pub uses_left: u32,
    pub created: Time,
    pub expires: Time,
    pub revoked: bool,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    Open,
    Revoked,
    UsedUp,
    Expired,
}

impl TokenKept {
    /// Being used up says more than being expired: whoever holds it learns that somebody was admitted.
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

impl TokenState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Revoked => "revoked",
            Self::UsedUp => "used up",
            Self::Expired => "expired",
        }
    }
}

pub fn new_secret() -> Result<[u8; 32], IdentityError> {
    super::seal::random()
}

/// The hash under which a token is kept, in hex.
pub fn hash_of_secret(secret: &[u8]) -> String {
    hex(&Sha256::digest(secret))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
