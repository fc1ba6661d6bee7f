//! A bundle as bytes, the same on every machine, and its digest.
//!
//! The format is a line `fleet bundle 1`, then for each file, ordered by the bytes of its path: the path's length and
//! the content's length in bytes, each as eight bytes with the lowest first, then the path and the content. Nothing
//! follows the last file. The digest is the SHA-256 of all of it.

use super::bundle::{BYTE_LIMIT, FILE_LIMIT, PATH_LIMIT};
use super::{Bundle, BundleError};
use crate::names::Digest;
use crate::spec::digest_of_bytes;
use std::collections::BTreeMap;

const HEADER: &[u8] = b"fleet bundle 1\n";

/// The most bytes that an encoded bundle can have.
pub const ENCODED_LIMIT: usize = HEADER.len() + BYTE_LIMIT + FILE_LIMIT * (PATH_LIMIT + 16);

impl Bundle {
    /// Returns the bytes that travel and are kept; the same bundle gives the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for (path, content) in self.files() {
            bytes.extend((path.len() as u64).to_le_bytes());
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(path.as_bytes());
            bytes.extend(content);
        }
        bytes
    }

    /// Reads the bytes of [`Bundle::encode`].
    ///
    /// # Errors
    /// Fails where the bytes are not a bundle, or it is beyond its limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > ENCODED_LIMIT {
            return Err(BundleError::TooLarge);
        }
        let mut rest = bytes.strip_prefix(HEADER).ok_or(BundleError::Garbage("the first line is missing"))?;
        let mut files = BTreeMap::new();
        while !rest.is_empty() {
            let (path, content) = take_file(&mut rest)?;
            let is_in_order = files.last_key_value().is_none_or(|(last, _): (&String, _)| *last < path);
            if !is_in_order {
                return Err(BundleError::Garbage("the files are not in order"));
            }
            files.insert(path, content);
        }
        Self::new(files)
    }

    /// Returns the digest of the encoded bytes.
    pub fn digest(&self) -> Digest {
        digest_of_bytes(&self.encode())
    }
}

fn take_file(rest: &mut &[u8]) -> Result<(String, Vec<u8>), BundleError> {
    let (path_length, length) = (take_length(rest)?, take_length(rest)?);
    let path = String::from_utf8(take(rest, path_length)?.to_vec());
    let path = path.map_err(|_| BundleError::Garbage("a path is not UTF-8 text"))?;
    Ok((path, take(rest, length)?.to_vec()))
}

fn take_length(rest: &mut &[u8]) -> Result<usize, BundleError> {
    let bytes = take(rest, 8)?.try_into().map_err(|_| BundleError::Garbage("a length is cut off"))?;
    usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| BundleError::TooLarge)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], BundleError> {
    let (taken, after) = rest.split_at_checked(length).ok_or(BundleError::Garbage("a file is cut off"))?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundle(files: &[(&str, &str)]) -> Result<Bundle, BundleError> {
        Bundle::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())).collect())
    }

    #[test]
    fn the_digest_is_the_same_on_every_machine() {
        let bundle = bundle(&[("b/c", "2"), ("a", "1")]).expect("the bundle is within its bounds");
        // Reckoned apart from this code, from the format's description.
        let expect = "sha256:1a45115d3f4de31ed0ad2d947fc05ed0e56b8b19b127acbc5a0b5e68798c1e37";
        assert_eq!(bundle.digest().as_str(), expect);
    }

    #[test]
    fn garbage_is_refused() {
        let good = bundle(&[("a", "1")]).expect("the bundle is within its bounds").encode();
        let cut = &good[..good.len() - 1];
        let mut twice = good.clone();
        twice.extend(&good[HEADER.len()..]);
        let mut huge = HEADER.to_vec();
        huge.extend([0xff; 16]);
        for (bytes, expect) in [
            (&b""[..], "these bytes are not a bundle: the first line is missing"),
            (b"tar", "these bytes are not a bundle: the first line is missing"),
            (cut, "these bytes are not a bundle: a file is cut off"),
            (&twice, "these bytes are not a bundle: the files are not in order"),
            (&huge, "these bytes are not a bundle: a file is cut off"),
        ] {
            let found = Bundle::decode(bytes).map_err(|error| error.to_string());
            assert_eq!(found, Err(expect.to_owned()));
        }
    }

    #[test]
    fn a_path_that_leaves_the_bundle_is_refused() {
        for path in ["../a", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "", "a\\b", "a\nb"] {
            let found = bundle(&[(path, "")]);
            assert!(matches!(found, Err(BundleError::WrongPath { .. })), "`{path}` should be refused");
        }
        assert!(bundle(&[("a", ""), ("a/b", "")]).is_err());
    }

    #[test]
    fn too_much_is_refused() {
        let many = (0..=FILE_LIMIT).map(|number| (number.to_string(), Vec::new())).collect();
        assert_eq!(Bundle::new(many), Err(BundleError::TooManyFiles { found: FILE_LIMIT + 1 }));
        let large = BTreeMap::from([("a".to_owned(), vec![0; BYTE_LIMIT + 1])]);
        assert_eq!(Bundle::new(large), Err(BundleError::TooLarge));
    }

    proptest! {
        #[test]
        fn a_bundle_survives_encoding(files in prop::collection::btree_map("[a-z]{1,5}", any::<Vec<u8>>(), 0..8)) {
            let bundle = Bundle::new(files).expect("short names without folders are within the bounds");
            prop_assert_eq!(Bundle::decode(&bundle.encode()), Ok(bundle));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>, headed: bool) {
            let bytes = if headed { [HEADER, &bytes].concat() } else { bytes };
            if let Ok(bundle) = Bundle::decode(&bytes) {
                prop_assert_eq!(bundle.encode(), bytes);
            }
        }
    }
}
