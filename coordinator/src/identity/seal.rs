//! Secret values at rest: sealed with a key beside the store, readable by its owner only.
//!
//! **Invariant:** a secret leaves the seal only on its way to the one host that needs it.

use super::IdentityError;
use super::authority::write_private;
use data_encoding::{BASE64, HEXLOWER};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::fs;
use std::path::Path;

const FILE: &str = "secrets.key";

/// Key that seals secrets, and that makes digests which reveal nothing about their content.
#[derive(Clone)]
pub struct Seal {
    key: LessSafeKey,
    digests: hmac::Key,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// Makes a new key in a directory.
    pub fn create(directory: &Path) -> Result<Self, IdentityError> {
        write_private(&directory.join(FILE), &random::<32>()?)?;
        Self::load(directory)
    }

    /// Loads the key from the coordinator's directory.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let path = directory.join(FILE);
        let bytes = fs::read(&path).map_err(|source| IdentityError::Read { path: path.clone(), source })?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| IdentityError::Damaged { path })?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), b"fleet: digests of plans");
        let digests = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Ok(Self { key: LessSafeKey::new(key), digests })
    }

    /// Seals a text for a record (`place`). It can be opened only for the same record.
    pub fn seal(&self, place: &str, text: &str) -> Result<String, IdentityError> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = text.as_bytes().to_vec();
        let tag =
            self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed);
        let tag = tag.map_err(|_| IdentityError::Unseal)?;
        Ok(BASE64.encode(&[&nonce[..], &sealed, tag.as_ref()].concat()))
    }

    /// Opens a sealed text. Fails if it was sealed for another record or with another key.
    pub fn open(&self, place: &str, sealed: &str) -> Result<String, IdentityError> {
        let bytes = BASE64.decode(sealed.as_bytes()).map_err(|_| IdentityError::Unseal)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(IdentityError::Unseal)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| IdentityError::Unseal)?;
        let mut rest = rest.to_vec();
        let text = self.key.open_in_place(nonce, Aad::from(place), &mut rest).map_err(|_| IdentityError::Unseal)?;
        String::from_utf8(text.to_vec()).map_err(|_| IdentityError::Unseal)
    }
}

impl Seal {
    /// Returns the HMAC-SHA256 over parts, each preceded by its length: without the key, guesses of the parts cannot be
    /// verified.
    pub fn digest(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.digests);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        HEXLOWER.encode(context.sign().as_ref())
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| IdentityError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_own_place_only() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let seal = Seal::create(directory.path()).expect("the key is new");
        let sealed = seal.seal("notes-1/1/password", "hunter2").expect("it can be sealed");
        assert!(!sealed.contains("hunter2"));
        assert_eq!(seal.open("notes-1/1/password", &sealed).ok().as_deref(), Some("hunter2"));
        assert!(seal.open("notes-2/1/password", &sealed).is_err());
        assert!(seal.open("notes-1/1/password", "AAAA").is_err());
    }

    #[test]
    fn a_digest_is_over_each_part_and_needs_the_key() {
        let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory can be made"));
        let [seal, other] = directories.each_ref().map(|it| Seal::create(it.path()).expect("the key is new"));
        let again = Seal::load(directories[0].path()).expect("it is there");
        assert_eq!(seal.digest(&[b"ab", b"c"]), again.digest(&[b"ab", b"c"]), "it outlives a restart");
        assert_ne!(seal.digest(&[b"ab", b"c"]), seal.digest(&[b"a", b"bc"]));
        assert_ne!(seal.digest(&[b"ab", b"c"]), other.digest(&[b"ab", b"c"]));
    }
}
