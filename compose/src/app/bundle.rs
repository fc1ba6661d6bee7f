//! Files of a release, immutable as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The files of a release by their paths: relative, normal, with `/` between their parts.
///
/// **Invariant:** a bundle in hand is within its bounds; see [`Bundle::new`].
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Shared by copies, so that a copy costs nothing and two copies are compared at once.
    files: Arc<BTreeMap<String, Vec<u8>>>,
}

/// The most files in a bundle.
pub const FILE_LIMIT: usize = 200;
/// The most bytes in a bundle, over all its files.
pub const BYTE_LIMIT: usize = 8 << 20;
/// The longest path in a bundle.
pub const PATH_LIMIT: usize = 255;

/// Reason why files or bytes are not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More files than a bundle may have.
    #[error("the bundle has {found} files; {FILE_LIMIT} are allowed")]
    TooManyFiles {
        /// Number of files.
        found: usize,
    },
    /// More bytes than a bundle may have.
    #[error("the bundle has more than {} MiB", BYTE_LIMIT >> 20)]
    TooLarge,
    /// Path that a bundle cannot have.
    #[error("`{path}` is not a path for a bundle: {reason}")]
    WrongPath {
        /// The path.
        path: String,
        /// Reason.
        reason: &'static str,
    },
    /// Bytes that were not encoded by [`Bundle::encode`].
    #[error("these bytes are not a bundle: {0}")]
    Garbage(&'static str),
}

impl Bundle {
    /// Takes files in, if they are within the bounds.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        if files.len() > FILE_LIMIT {
            return Err(BundleError::TooManyFiles { found: files.len() });
        }
        if files.values().map(Vec::len).sum::<usize>() > BYTE_LIMIT {
            return Err(BundleError::TooLarge);
        }
        for path in files.keys() {
            check_path(path)?;
        }
        refuse_file_as_folder(&files)?;
        Ok(Self { files: Arc::new(files) })
    }

    /// The same bundle with one file added or replaced.
    pub fn with(self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self, BundleError> {
        let mut files = Arc::unwrap_or_clone(self.files);
        files.insert(path.into(), bytes.into());
        Self::new(files)
    }

    /// Returns content by path.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Returns the content of a file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }
}

/// Refuses a path that is not relative and normal, for it will be written below a folder on a host.
pub fn check_path(path: &str) -> Result<(), BundleError> {
    let wrong = |reason| Err(BundleError::WrongPath { path: path.chars().take(80).collect(), reason });
    if path.is_empty() || path.len() > PATH_LIMIT {
        return wrong("it must have 1 to 255 bytes");
    }
    if path.starts_with('/') {
        return wrong("it must be relative");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return wrong("backslashes and control characters are not allowed");
    }
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return wrong("`.`, `..` and empty parts are not allowed");
    }
    Ok(())
}

/// A path cannot be both a file and a folder: `a` and `a/b`.
fn refuse_file_as_folder(files: &BTreeMap<String, Vec<u8>>) -> Result<(), BundleError> {
    for path in files.keys() {
        let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        if folders.any(|folder| files.contains_key(folder)) {
            let reason = "another file stands where its folder would be";
            return Err(BundleError::WrongPath { path: path.clone(), reason });
        }
    }
    Ok(())
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.files.iter().map(|(path, bytes)| (path, bytes.len()))).finish()
    }
}
