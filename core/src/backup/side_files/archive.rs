//! The files of one store as a tar archive, which stock tools unpack.
//!
//! The form is POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"), with GNU's binary form for large owners.

use super::{COUNT_LIMIT_OF_FILES, FILE_LIMIT, SideContent, SideFile};
use crate::backup::BackupDamage;
use std::collections::BTreeMap;

const BLOCK: usize = 512;
/// A name in a header has no more bytes.
pub(super) const NAME_LIMIT: usize = 100;

/// Packs files with their content, in the order of their paths. A file whose name is too long for the form is an error of the caller:
/// it keeps none.
pub fn pack(files: &[(SideFile, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (file, content) in files.iter().filter(|(file, _)| is_fit(file)) {
        archive.extend_from_slice(&header(file, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// Returns whether the file's names fit into the archive format.
pub fn is_fit(file: &SideFile) -> bool {
    let link = match &file.content {
        SideContent::File { .. } => "",
        SideContent::Link { to } => to,
    };
    file.path.len() <= NAME_LIMIT && link.len() <= NAME_LIMIT
}

fn header(file: &SideFile, bytes: usize) -> [u8; BLOCK] {
    let mut header = [0_u8; BLOCK];
    let (kind, link) = match &file.content {
        SideContent::File { .. } => (b'0', ""),
        SideContent::Link { to } => (b'2', to.as_str()),
    };
    put(&mut header, 0, file.path.as_bytes());
    number(&mut header, 100, 8, u64::from(file.mode & 0o777));
    number(&mut header, 108, 8, u64::from(file.uid));
    number(&mut header, 116, 8, u64::from(file.gid));
    number(&mut header, 124, 12, if kind == b'0' { bytes as u64 } else { 0 });
    number(&mut header, 136, 12, 0);
    header[156] = kind;
    put(&mut header, 157, link.as_bytes());
    put(&mut header, 257, b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

fn number(header: &mut [u8; BLOCK], at: usize, width: usize, number: u64) {
    let digits = format!("{number:0width$o}", width = width - 1);
    if digits.len() < width {
        return put(header, at, digits.as_bytes());
    }
    let bytes = number.to_be_bytes();
    put(header, at + width - bytes.len().min(width), &bytes[bytes.len().saturating_sub(width)..]);
    header[at] |= 0x80;
}

/// Reason why an archive of files beside a dump cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// The archive is truncated.
    #[error("it is cut off")]
    CutOff,
    /// A file that is larger than any that is kept, or too many of them.
    #[error("`{path}` is more than is ever kept")]
    TooMuch {
        /// Path of the file.
        path: String,
    },
    /// A field for text has something else.
    #[error("a name in it is no text")]
    NoText,
    /// A field for a number has something else.
    #[error("a size in it is no number")]
    NoNumber,
}

impl From<UnpackError> for BackupDamage {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::CutOff => Self::SideFilesCutOff,
            UnpackError::TooMuch { path } => Self::SideFileTooLarge { path },
            UnpackError::NoText | UnpackError::NoNumber => Self::SideFilesInvalid,
        }
    }
}

/// The contents of an archive by path; links have none.
///
/// # Errors
/// Problem of the archive, as text for people.
pub fn unpack(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, UnpackError> {
    let (mut found, mut rest) = (BTreeMap::new(), archive);
    loop {
        let Some((header, below)) = rest.split_at_checked(BLOCK) else { return Err(UnpackError::CutOff) };
        if header.iter().all(|byte| *byte == 0) {
            return Ok(found);
        }
        let path = text(&header[..NAME_LIMIT])?;
        let bytes = usize::try_from(octal(&header[124..136])?).unwrap_or(usize::MAX);
        if bytes as u64 > FILE_LIMIT || found.len() >= COUNT_LIMIT_OF_FILES {
            return Err(UnpackError::TooMuch { path });
        }
        let padded = bytes.next_multiple_of(BLOCK);
        let Some((content, below)) = below.split_at_checked(padded) else { return Err(UnpackError::CutOff) };
        if header[156] == b'0' {
            found.insert(path, content[..bytes].to_vec());
        }
        rest = below;
    }
}

fn text(field: &[u8]) -> Result<String, UnpackError> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8(field[..end].to_vec()).map_err(|_| UnpackError::NoText)
}

fn octal(field: &[u8]) -> Result<u64, UnpackError> {
    let digits = text(field)?;
    u64::from_str_radix(digits.trim(), 8).map_err(|_| UnpackError::NoNumber)
}
