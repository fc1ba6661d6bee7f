//! Reads an app's folder into a bundle.
//!
//! **Invariant:** no more is read than a bundle may hold, and no link leads out of the folder.

use fleet_core::app::{BYTE_LIMIT, Bundle, FILE_LIMIT};
use fleet_core::command_error::CommandError;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Names and paths that are left out, one a line; `#` begins a comment.
const IGNORE_FILE: &str = ".fleetignore";

/// The deepest folder.
const DEPTH_LIMIT: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is neither a file nor a folder")]
    Strange { path: PathBuf },
    #[error("the name of `{path}` is not UTF-8 text")]
    Name { path: PathBuf },
    #[error("there are more than {FILE_LIMIT} files or {} MiB in it", BYTE_LIMIT >> 20)]
    TooMuch,
    #[error("its folders are nested more than {DEPTH_LIMIT} deep")]
    TooDeep,
}

/// The files of a folder: all but those whose names begin with a dot (`.env` is taken) and those that it ignores.
pub fn read_bundle(folder: &Path) -> Result<Bundle, CommandError> {
    let wrong = || CommandError::refused(format!("could not read the app in `{}`", folder.display()));
    if !folder.is_dir() {
        let error = wrong().because("there is no such folder");
        return Err(error.hint("name the folder that holds app.yaml and the Compose file"));
    }
    let ignored = read_ignored(folder).map_err(|error| wrong().because_of(&error))?;
    let mut gathering = Gathering { ignored, files: BTreeMap::new(), bytes: 0 };
    gathering.take_folder(folder, "", 0).map_err(|error| {
        wrong().because_of(&error).hint(format!("list what does not belong to the app in `{IGNORE_FILE}`"))
    })?;
    Bundle::new(gathering.files).map_err(|error| wrong().because(error))
}

struct Gathering {
    ignored: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl Gathering {
    fn take_folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), ReadError> {
        if depth > DEPTH_LIMIT {
            return Err(ReadError::TooDeep);
        }
        let failed = |source| ReadError::Read { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| ReadError::Name { path: path.clone() })?;
            let inside = format!("{prefix}{name}");
            if !self.is_left_out(name, &inside) {
                self.take(&path, inside, depth)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, inside: String, depth: usize) -> Result<(), ReadError> {
        let failed = |source| ReadError::Read { path: path.to_owned(), source };
        let kind = fs::symlink_metadata(path).map_err(failed)?.file_type();
        if kind.is_dir() {
            return self.take_folder(path, &format!("{inside}/"), depth + 1);
        }
        if !kind.is_file() {
            return Err(ReadError::Strange { path: path.to_owned() });
        }
        let mut content = Vec::new();
        let room = BYTE_LIMIT - self.bytes;
        File::open(path).and_then(|file| file.take(room as u64 + 1).read_to_end(&mut content)).map_err(failed)?;
        if content.len() > room || self.files.len() >= FILE_LIMIT {
            return Err(ReadError::TooMuch);
        }
        self.bytes += content.len();
        self.files.insert(inside, content);
        Ok(())
    }

    fn is_left_out(&self, name: &str, inside: &str) -> bool {
        let is_hidden = name.starts_with('.') && name != ".env";
        is_hidden || self.ignored.iter().any(|ignored| is_match(ignored, name, inside))
    }
}

/// Returns whether a pattern matches. One with `/` is a path from the folder; one without is a name at any level. `*`
/// matches any characters.
fn is_match(pattern: &str, name: &str, inside: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    let text = if pattern.contains('/') { inside } else { name };
    let Some((start, rest)) = pattern.trim_start_matches('/').split_once('*') else {
        return pattern.trim_start_matches('/') == text;
    };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(end)
}

fn read_ignored(folder: &Path) -> Result<Vec<String>, ReadError> {
    let path = folder.join(IGNORE_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ReadError::Read { path, source }),
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], ignore: &str, expect: &str) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder can be made");
            fs::write(path, "x").expect("a file can be written");
        }
        fs::write(folder.path().join(IGNORE_FILE), ignore).expect("a file can be written");
        let bundle = read_bundle(folder.path()).expect("the folder can be read");
        assert_eq!(bundle.files().keys().map(String::as_str).collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn hidden_files_stay_at_home_but_for_dot_env() {
        check(&["app.yaml", ".env", ".git/config", "conf/.swp", "conf/a.j2"], "", ".env app.yaml conf/a.j2");
    }

    #[test]
    fn what_is_ignored_stays_at_home() {
        let files = ["app.yaml", "notes.md", "a/notes.md", "big/x", "b/old.yaml", "old.yaml"];
        check(&files, "# not these\n*.md\nbig/\n/b/old.yaml\n", "app.yaml old.yaml");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("users")).expect("a link can be made");
        let error = read_bundle(folder.path()).expect_err("it leads out of the folder");
        assert!(error.cause().is_some_and(|cause| cause.ends_with("users` is neither a file nor a folder")));
    }

    #[test]
    fn no_more_is_read_than_a_bundle_may_hold() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("dump"), vec![0; BYTE_LIMIT + 1]).expect("a file can be written");
        let error = read_bundle(folder.path()).expect_err("it is too large");
        assert_eq!(error.cause(), Some("there are more than 200 files or 8 MiB in it"));
    }
}
