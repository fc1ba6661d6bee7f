//! The names of files in repositories that the coordinator keeps.

use super::{ConvertError, needed};
use crate::v1;
use fleet_core::backup::FileKind;
use fleet_core::names::{InstanceName, RepositoryName};

/// One kind of files in the repository of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFiles {
    /// Name of the repository.
    pub repository: RepositoryName,
    /// Instance whose backups it holds.
    pub instance: InstanceName,
    /// Kind of the files.
    pub kind: FileKind,
}

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFile {
    /// Repository and kind of the file.
    pub of: RepositoryFiles,
    /// 64 lower-case hex digits; empty for the config, of which there is one.
    pub id: String,
}

impl TryFrom<v1::FileName> for RepositoryFiles {
    type Error = ConvertError;
    fn try_from(message: v1::FileName) -> Result<Self, ConvertError> {
        let kind = file_kind(message.kind())?;
        if !message.id.is_empty() {
            return Err(ConvertError::Unknown { field: "of.id" });
        }
        Ok(Self { repository: message.repository.parse()?, instance: message.instance.parse()?, kind })
    }
}

impl TryFrom<v1::FileName> for RepositoryFile {
    type Error = ConvertError;
    fn try_from(message: v1::FileName) -> Result<Self, ConvertError> {
        let (kind, id) = (file_kind(message.kind())?, message.id);
        let is_id = match kind {
            FileKind::Config => id.is_empty(),
            FileKind::Key | FileKind::Snapshot | FileKind::Index | FileKind::Pack => is_sha256(&id),
        };
        if !is_id {
            return Err(ConvertError::Unknown { field: "file.id" });
        }
        let of = RepositoryFiles { repository: message.repository.parse()?, instance: message.instance.parse()?, kind };
        Ok(Self { of, id })
    }
}

impl From<RepositoryFiles> for v1::FileName {
    fn from(files: RepositoryFiles) -> Self {
        let RepositoryFiles { repository, instance, kind } = files;
        let kind = v1::FileKind::from(kind).into();
        Self { repository: repository.into(), instance: instance.into(), kind, id: String::new() }
    }
}

impl From<FileKind> for v1::FileKind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::Config => Self::Config,
            FileKind::Key => Self::Key,
            FileKind::Snapshot => Self::Snapshot,
            FileKind::Index => Self::Index,
            FileKind::Pack => Self::Pack,
        }
    }
}

impl From<RepositoryFile> for v1::FileName {
    fn from(file: RepositoryFile) -> Self {
        Self { id: file.id, ..file.of.into() }
    }
}

/// Reads the name with which an upload begins, or that a read asks for.
pub fn repository_file(field: &'static str, message: Option<v1::FileName>) -> Result<RepositoryFile, ConvertError> {
    needed(field, message)?.try_into()
}

/// Parses the repository and kind of a list request.
pub fn repository_files(message: Option<v1::FileName>) -> Result<RepositoryFiles, ConvertError> {
    needed("list.of", message)?.try_into()
}

/// Reads the kind of a file.
pub(super) fn file_kind(kind: v1::FileKind) -> Result<FileKind, ConvertError> {
    match kind {
        v1::FileKind::Config => Ok(FileKind::Config),
        v1::FileKind::Key => Ok(FileKind::Key),
        v1::FileKind::Snapshot => Ok(FileKind::Snapshot),
        v1::FileKind::Index => Ok(FileKind::Index),
        v1::FileKind::Pack => Ok(FileKind::Pack),
        v1::FileKind::Unspecified => Err(ConvertError::Unknown { field: "file.kind" }),
    }
}

/// 64 lower-case hex digits: there is one way to write a name.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: v1::FileKind, id: &str) -> v1::FileName {
        let (repository, instance) = ("central".to_owned(), "notes-1".to_owned());
        v1::FileName { repository, instance, kind: kind.into(), id: id.to_owned() }
    }

    #[test]
    fn a_name_comes_back_as_it_was() {
        let id = "a1".repeat(32);
        for message in [name(v1::FileKind::Pack, &id), name(v1::FileKind::Config, "")] {
            let read = RepositoryFile::try_from(message.clone()).expect("it is whole");
            assert_eq!(v1::FileName::from(read), message);
        }
        let of = name(v1::FileKind::Index, "");
        assert_eq!(v1::FileName::from(RepositoryFiles::try_from(of.clone()).expect("it is whole")), of);
    }

    #[test]
    fn what_is_no_name_of_a_file_is_refused() {
        let upper = "A1".repeat(32);
        let wrong = [
            name(v1::FileKind::Unspecified, ""),
            name(v1::FileKind::Pack, ""),
            name(v1::FileKind::Pack, &upper),
            name(v1::FileKind::Pack, "../../../../ca.key"),
            name(v1::FileKind::Config, &upper.to_lowercase()),
            v1::FileName { repository: "..".to_owned(), ..name(v1::FileKind::Config, "") },
            v1::FileName { instance: "a/b".to_owned(), ..name(v1::FileKind::Config, "") },
        ];
        for message in wrong {
            assert!(RepositoryFile::try_from(message.clone()).is_err(), "{message:?}");
        }
    }
}
