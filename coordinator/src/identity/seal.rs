//! Secret values at rest: sealed with a key that lies beside the store, for its owner only.
//!
//! **Invariant:** a secret leaves the seal only on its way to the one host that needs it.

use super::IdentityError;
use super::authority::write_private;
use data_encoding::BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fs;
use std::path::Path;

const FILE: &str = "secrets.key";

/// The key that seals secrets.
#[derive(Clone)]
pub struct Seal(LessSafeKey);

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

    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let path = directory.join(FILE);
        let bytes = fs::read(&path).map_err(|source| IdentityError::Read { path: path.clone(), source })?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| IdentityError::Damaged { path })?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a text for a place: it can be opened for the same place only.
    pub fn seal(&self, place: &str, text: &str) -> Result<String, IdentityError> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = text.as_bytes().to_vec();
        let tag = self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed);
        let tag = tag.map_err(|_| IdentityError::Unseal)?;
        Ok(BASE64.encode(&[&nonce[..], &sealed, tag.as_ref()].concat()))
    }

    pub fn open(&self, place: &str, sealed: &str) -> Result<String, IdentityError> {
        let bytes = BASE64.decode(sealed.as_bytes()).map_err(|_| IdentityError::Unseal)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(IdentityError::Unseal)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| IdentityError::Unseal)?;
        let mut rest = rest.to_vec();
        let text = self.0.open_in_place(nonce, Aad::from(place), &mut rest).map_err(|_| IdentityError::Unseal)?;
        String::from_utf8(text.to_vec()).map_err(|_| IdentityError::Unseal)
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
}
