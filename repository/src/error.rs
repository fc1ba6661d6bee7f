//! What can go wrong with a repository, told apart by what somebody can do about it.

use crate::backend::{BackendError, FileId, FileKind};
use std::io;
use std::path::{Path, PathBuf};

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

/// Why a repository did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not {doing} at `{place}`")]
    Backend { doing: String, place: String, source: BackendError },
    #[error("could not {doing} the bucket `{bucket}`")]
    Bucket { doing: &'static str, bucket: String, source: BackendError },
    #[error("there is no repository at `{place}`")]
    NoRepository { place: String },
    #[error("another repository is at `{place}` already")]
    Occupied { place: String },
    #[error("the key does not open the repository at `{place}`")]
    WrongKey { place: String },
    #[error("the source `{name}` failed: {reason}")]
    Source { name: String, reason: String },
    #[error("{kind} {id} is damaged: {reason}")]
    Damaged { kind: FileKind, id: FileId, reason: String },
    #[error("`{path}` cannot be read back: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("there is no {what} in the repository")]
    Missing { what: String },
    #[error("refused: {reason}")]
    Refused { reason: String },
    #[error("could not {doing} `{}`", brief(path))]
    Disk { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("could not {doing}: {reason}")]
    Rustic { doing: &'static str, reason: String },
}

impl Error {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(crate) fn disk(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { doing, path, source }
    }

    /// The same of one file or stream. A place that could not be asked, or a disk that is written to, says nothing of what was kept.
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

    /// The error and what caused it, in one line: for where a chain cannot be kept.
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
