//! Join tokens, with which a person admits a host or an operator by pasting it from one terminal to another.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "fleet1.";
/// The most bytes a coordinator's `HOST:PORT` may have: a DNS name has 253.
const ADDRESS_LIMIT: usize = 260;

/// A join token: admits a host or an operator, once.
///
/// Its text is `fleet1.ADDRESS.FINGERPRINT.SECRET.CHECK`, each part in hexadecimal except for the version: the
/// coordinator's `HOST:PORT`, the SHA-256 of the CA certificate (DER), 32 random bytes, and the first 4 bytes of the
/// SHA-256 of everything before the last dot. The joining machine compares the fingerprint with the port's certificate
/// before it sends the secret. Only `Display` shows the text: `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Coordinator's `HOST:PORT`.
    pub address: String,
    /// SHA-256 of the CA certificate (DER).
    pub ca_fingerprint: [u8; 32],
    /// Random bytes that admit once.
    pub secret: [u8; 32],
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Reason why a text is not a usable token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Something else than a token.
    #[error("this is not a join token: it must begin with `fleet1.`")]
    NotAToken,
    /// Token with a typing error, or not complete.
    #[error("the token is incomplete or has a typing error; copy it whole, without a line break")]
    Damaged,
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = HEXLOWER.encode(self.address.as_bytes());
        let fingerprint = HEXLOWER.encode(&self.ca_fingerprint);
        let secret = HEXLOWER.encode(&self.secret);
        let body = format!("{PREFIX}{address}.{fingerprint}.{secret}");
        let check = check_of(&body);
        f.pad(&format!("{body}.{check}"))
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    /// White space around the token is forgiven; anything else that a terminal or a mail may do to it is damage.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.starts_with(PREFIX) {
            return Err(TokenError::NotAToken);
        }
        read(text).ok_or(TokenError::Damaged)
    }
}

/// Reads lower-case hex only, so that one token has one text.
fn read(text: &str) -> Option<JoinToken> {
    let (body, check) = text.rsplit_once('.')?;
    if check_of(body) != check {
        return None;
    }
    let mut parts = body.strip_prefix(PREFIX)?.split('.');
    let mut next_bytes = || HEXLOWER.decode(parts.next()?.as_bytes()).ok();
    let address = String::from_utf8(next_bytes()?).ok()?;
    let ca_fingerprint = next_bytes()?.try_into().ok()?;
    let secret = next_bytes()?.try_into().ok()?;
    let is_an_address = (1..=ADDRESS_LIMIT).contains(&address.len()) && !address.contains(char::is_whitespace);
    (is_an_address && parts.next().is_none()).then_some(JoinToken { address, ca_fingerprint, secret })
}

fn check_of(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body.as_bytes())[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken { address: "fleet.example.org:7443".to_owned(), ca_fingerprint: [7; 32], secret: [0xab; 32] }
    }

    fn check(text: &str, expect: &Result<JoinToken, TokenError>) {
        assert_eq!(&text.parse::<JoinToken>(), expect, "`{text}`");
    }

    #[test]
    fn a_token_reads_back_as_it_was_shown() {
        check(&token().to_string(), &Ok(token()));
    }

    #[test]
    fn white_space_around_a_token_is_forgiven() {
        check(&format!("  {}\r\n", token()), &Ok(token()));
    }

    #[test]
    fn a_token_pasted_with_a_line_break_is_damaged() {
        let text = token().to_string();
        for at in [8, 40, 100, text.len() - 2] {
            for breaking in ["\n", "\r\n", " ", "\n  ", "\u{a0}"] {
                check(&format!("{}{breaking}{}", &text[..at], &text[at..]), &Err(TokenError::Damaged));
            }
        }
    }

    #[test]
    fn a_token_with_a_typing_error_is_damaged() {
        let text = token().to_string();
        for at in [7, 60, 120, text.len() - 1] {
            let other = if &text[at..=at] == "1" { "2" } else { "1" };
            check(&format!("{}{other}{}", &text[..at], &text[at + 1..]), &Err(TokenError::Damaged));
        }
        check(&text[..text.len() - 1], &Err(TokenError::Damaged));
        check(&text.to_uppercase().replace("FLEET1.", "fleet1."), &Err(TokenError::Damaged));
        check("fleet1.", &Err(TokenError::Damaged));
    }

    #[test]
    fn something_else_is_not_a_token() {
        for text in ["", "hello", "fleet2.00", "https://fleet.example.org"] {
            check(text, &Err(TokenError::NotAToken));
        }
    }

    #[test]
    fn debug_keeps_the_secret_to_itself() {
        assert!(!format!("{:?}", token()).contains("ab"));
    }
}
