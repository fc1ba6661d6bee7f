//! Files of a repository that cannot be read. They are skipped, so that the others stay usable, and are listed in the
//! result.

use crate::backend::{FileId, FileKind};
use crate::error::{Error, Result};
use fleet_core::names::BackupId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// A file that is there and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Kind of the file.
    pub kind: FileKind,
    /// Id of the file.
    pub file: FileId,
    /// Backup that the file belongs to, if that is certain.
    pub backup: Option<BackupId>,
    /// Cause, as text for people.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FileKind::Config => f.write_str("the config")?,
            FileKind::Key | FileKind::Snapshot | FileKind::Index | FileKind::Pack => {
                write!(f, "{} {}", self.kind, self.file)?;
            }
        }
        write!(f, " cannot be read: {}", self.why)
    }
}

impl Unreadable {
    /// Returns the error for a removal that might affect data to which only this file refers.
    pub(crate) fn forbids(&self, what: &str) -> Error {
        Error::refused(format!(
            "nothing is {what} while {self}; put the file back from another copy, or remove it, if no backup needs it"
        ))
    }
}

/// Records damage and returns nothing for it; other errors are returned.
pub(crate) fn pass_over<T>(found: Result<T>, unreadable: &mut Vec<Unreadable>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Damaged { kind, id, reason }) => {
            unreadable.push(Unreadable { kind, file: id, backup: None, why: reason });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether the error concerns this one file. Other errors would affect the other files too.
pub fn is_of_one_file(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let bad = [Errno::IO, Errno::UCLEAN, Errno::BADMSG, Errno::NODATA];
    error.kind() == io::ErrorKind::UnexpectedEof || Errno::from_io_error(error).is_some_and(|code| bad.contains(&code))
}
