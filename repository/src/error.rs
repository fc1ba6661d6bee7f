//! Failures of a repository, distinguished by the action that helps against them.

use crate::backend::{BackendError, FileId, FileKind};
use std::io;
use std::path::{Path, PathBuf};

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Paths longer than this are shown by their beginning and their end.
const SHOWN: usize = 200;

/// A path for people: one line, and never kilobytes of it.
pub fn brief(path: &Path) -> String {
    let text = path.display().to_string();
    let shown = |c: char| if c.is_control() { '?' } else { c };
    let count = text.chars().count();
    if count <= SHOWN {
        return text.chars().map(shown).collect();
    }
    let head: String = text.chars().take(SHOWN / 2).map(shown).collect();
    let tail: String = text.chars().skip(count - SHOWN / 2).map(shown).collect();
    format!("{head}…{tail} ({} bytes)", path.as_os_str().len())
}

/// Failure of a repository.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to the repository's storage failed.
    #[error("could not {doing} at `{place}`")]
    Backend {
        /// Action that failed, as a phrase after "could not".
        doing: String,
        /// Storage of the repository, as text for people.
        place: String,
        /// Cause of the failure.
        source: BackendError,
    },
    /// A request to a bucket with an app's data failed.
    #[error("could not {doing} the bucket `{bucket}`")]
    Bucket {
        /// Action that failed, as a phrase after "could not".
        doing: &'static str,
        /// Name of the bucket.
        bucket: String,
        /// Cause of the failure.
        source: BackendError,
    },
    /// No repository exists there.
    #[error("there is no repository at `{place}`")]
    NoRepository {
        /// Storage that was searched, as text for people.
        place: String,
    },
    /// A repository with other keys exists there.
    #[error("another repository is at `{place}` already")]
    Occupied {
        /// Storage of that repository, as text for people.
        place: String,
    },
    /// The key does not open the repository that exists there.
    #[error("the key does not open the repository at `{place}`")]
    WrongKey {
        /// Storage of the repository, as text for people.
        place: String,
    },
    /// A source of the data to back up failed.
    #[error("the source `{name}` failed: {reason}")]
    Source {
        /// Stream or path that failed.
        name: String,
        /// Cause, as text for people.
        reason: String,
    },
    /// A file of the repository is damaged.
    #[error("{kind} {id} is damaged: {reason}")]
    Damaged {
        /// Kind of the file.
        kind: FileKind,
        /// Id of the file.
        id: FileId,
        /// Damage that was found, as text for people.
        reason: String,
    },
    /// A backed-up file or stream cannot be read back.
    #[error("`{path}` cannot be read back: {reason}")]
    Unreadable {
        /// Path in the snapshot.
        path: String,
        /// Cause, as text for people.
        reason: String,
    },
    /// The repository does not hold the requested item.
    #[error("there is no {what} in the repository")]
    Missing {
        /// Item that is missing.
        what: String,
    },
    /// The request would put data at risk or breaks a limit.
    #[error("refused: {reason}")]
    Refused {
        /// Cause, as text for people.
        reason: String,
    },
    /// Reading or writing on this host's disk failed.
    #[error("could not {doing} `{}`", brief(path))]
    Disk {
        /// Action that failed, as a phrase after "could not".
        doing: &'static str,
        /// File or folder on the disk.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// rustic_core failed, and neither the storage nor a source was the cause.
    #[error("could not {doing}: {reason}")]
    Rustic {
        /// Action that failed, as a phrase after "could not".
        doing: &'static str,
        /// Text of rustic_core's error.
        reason: String,
    },
}

impl Error {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(crate) fn disk(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { doing, path, source }
    }

    /// Converts the error to one of a file or stream. Failures of the storage, or of a disk that is written, do not
    /// show damage and stay as they are.
    pub(crate) fn unreadable(self, path: &str) -> Self {
        let is_of_way = match &self {
            Self::Backend { source, .. } => match source {
                BackendError::Refused(_)
                | BackendError::Full
                | BackendError::Late(_)
                | BackendError::Unreachable(_) => true,
                BackendError::Missing | BackendError::Occupied | BackendError::Io(_) => false,
            },
            Self::Disk { .. } => true,
            _ => false,
        };
        if is_of_way { self } else { Self::Unreadable { path: path.to_owned(), reason: self.line() } }
    }

    /// Returns the error and its causes in one line, for use where an error chain cannot be kept.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_for_is_not_called_damaged() {
        let of_place = |source| Error::Backend { doing: "read a pack".to_owned(), place: "here".to_owned(), source };
        let is_damage =
            |error: Error| matches!(error.unreadable("a/file"), Error::Unreadable { path, .. } if path == "a/file");
        let text = || "x".to_owned();
        for source in [
            BackendError::Unreachable(text()),
            BackendError::Late(text()),
            BackendError::Refused(text()),
            BackendError::Full,
        ] {
            assert!(!is_damage(of_place(source)));
        }
        assert!(!is_damage(Error::Disk {
            doing: "write",
            path: "a".into(),
            source: io::ErrorKind::StorageFull.into()
        }));
        assert!(is_damage(of_place(BackendError::Missing)));
        assert!(is_damage(of_place(BackendError::Io(io::ErrorKind::UnexpectedEof.into()))));
        assert!(is_damage(Error::Missing { what: "blob".to_owned() }));
    }
}
