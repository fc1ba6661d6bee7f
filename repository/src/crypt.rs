//! Sealing and opening the files of a repository, as restic does: AES-256 in counter mode, authenticated by Poly1305.

use aes256ctr_poly1305aes::Aes256CtrPoly1305Aes;
use aes256ctr_poly1305aes::aead::{self, Aead, AeadInPlace};
use rustic_core::repofile::MasterKey;
use std::io::Read;

/// Number of bytes that sealing adds: a nonce in front and a tag at the end.
pub(crate) const OVERHEAD: u32 = 32;
/// An index, a snapshot or a config that unpacks to more than this is not taken for one.
const MAX_UNPACKED: u64 = 1 << 30;
/// First byte of data compressed with zstd.
const PACKED: u8 = 2;

/// The key of a repository.
#[derive(Clone)]
pub(crate) struct Key(aes256ctr_poly1305aes::Key);

/// Reason why something could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unopened {
    #[error("it was changed, or sealed with another key")]
    Seal,
    #[error("it does not unpack: {0}")]
    Packing(String),
    #[error("it is not a key of a repository")]
    NotAKey,
}

impl Key {
    /// Reads restic's JSON for a key.
    pub(crate) fn from_json(text: &str) -> Result<Self, Unopened> {
        let written: MasterKey = serde_json::from_str(text).map_err(|_| Unopened::NotAKey)?;
        let mut key = aes256ctr_poly1305aes::Key::default();
        for (part, bytes) in [(0..32, &written.encrypt), (32..48, &written.mac.k), (48..64, &written.mac.r)] {
            if bytes.len() != part.len() {
                return Err(Unopened::NotAKey);
            }
            key[part].copy_from_slice(bytes);
        }
        Ok(Self(key))
    }

    /// Opens sealed data without decompression: a blob, a pack's header.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (nonce, sealed) = sealed.split_at_checked(16).ok_or(Unopened::Seal)?;
        let nonce = aead::Nonce::<Aes256CtrPoly1305Aes>::from_slice(nonce);
        Aes256CtrPoly1305Aes::new(&self.0).decrypt(nonce, sealed).map_err(|_| Unopened::Seal)
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Unopened> {
        let mut nonce = aead::Nonce::<Aes256CtrPoly1305Aes>::default();
        getrandom::fill(&mut nonce).map_err(|_| Unopened::Seal)?;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD as usize);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = Aes256CtrPoly1305Aes::new(&self.0)
            .encrypt_in_place_detached(&nonce, &[], &mut sealed[16..])
            .map_err(|_| Unopened::Seal)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens an index, a snapshot or a config: JSON, packed or not.
    pub(crate) fn open_file(&self, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let opened = self.open(sealed)?;
        if opened.first() != Some(&PACKED) {
            return Ok(opened);
        }
        let failed = |error: std::io::Error| Unopened::Packing(error.to_string());
        let mut unpacked = Vec::new();
        zstd::Decoder::new(&opened[1..])
            .and_then(|decoder| decoder.take(MAX_UNPACKED).read_to_end(&mut unpacked))
            .map_err(failed)?;
        Ok(unpacked)
    }

    pub(crate) fn seal_file(&self, json: &[u8]) -> Result<Vec<u8>, Unopened> {
        let mut packed = vec![PACKED];
        zstd::stream::copy_encode(json, &mut packed, 0).map_err(|error| Unopened::Packing(error.to_string()))?;
        self.seal(&packed)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}
