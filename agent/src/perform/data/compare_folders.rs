//! Size of a folder, and the first difference between a folder and its copy.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes that are compared at a time.
const BLOCK: usize = 1 << 20;

/// A difference between a folder and its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderDifference {
    /// Path in the folder.
    pub name: String,
}

/// Returns the bytes that a folder takes on its disk, while it may be written. Files that are there twice by hard links count twice.
pub fn size_of(path: &Path) -> io::Result<u64> {
    let mut bytes = fs::symlink_metadata(path)?.blocks().saturating_mul(512);
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        // What vanishes meanwhile takes no space.
        let Some(entries) = there(fs::read_dir(&folder))? else { continue };
        for entry in entries {
            let entry = entry?;
            let Some(found) = there(entry.metadata())? else { continue };
            bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(bytes)
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the first difference: in names, kinds, owners, modes, times, targets of links, or the content of files.
pub fn compare(path: &Path, copy: &Path) -> io::Result<Option<FolderDifference>> {
    let mut entries = Vec::new();
    walk(path, &mut |inside, _| {
        entries.push(inside.to_owned());
        Ok(())
    })?;
    let mut copied = 0usize;
    walk(copy, &mut |_, _| {
        copied += 1;
        Ok(())
    })?;
    for inside in &entries {
        if !is_same(&path.join(inside), &copy.join(inside))? {
            return Ok(Some(FolderDifference { name: inside.display().to_string() }));
        }
    }
    // Each entry of the folder is in the copy, so the copy can only have more.
    Ok((copied != entries.len()).then(|| FolderDifference { name: ".".to_owned() }))
}

/// Calls a function for the folder itself and everything in it, with the path inside it.
fn walk(root: &Path, each: &mut impl FnMut(&Path, &Metadata) -> io::Result<()>) -> io::Result<()> {
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        let path = root.join(&inside);
        let found = fs::symlink_metadata(&path)?;
        each(&inside, &found)?;
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(inside.join(entry?.file_name()));
            }
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(one)?;
    let copy = match fs::symlink_metadata(other) {
        Ok(copy) => copy,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let facts = |it: &Metadata| (it.mode(), it.uid(), it.gid(), it.mtime(), it.mtime_nsec());
    if facts(&found) != facts(&copy) {
        return Ok(false);
    }
    if found.is_symlink() {
        return Ok(fs::read_link(one)? == fs::read_link(other)?);
    }
    if found.is_file() {
        return Ok(found.len() == copy.len() && has_same_content(one, other)?);
    }
    Ok(true)
}

fn has_same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let count = read_full(&mut one, &mut a)?;
        if read_full(&mut other, &mut b)? != count || a[..count] != b[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn read_full(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
