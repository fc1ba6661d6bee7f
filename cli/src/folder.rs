//! Folder of logins: a folder for each context, with one file in it.

use crate::context::Context;
use fleet_core::command_error::CommandError;
use fleet_link::{Identity, IdentityError};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

const FILE: &str = "identity.json";

/// The name of the context that is used where none is named.
pub const DEFAULT: &str = "default";

/// The path of the identity of this command's context.
pub fn identity_path(context: &Context) -> Result<PathBuf, CommandError> {
    let no_home = || {
        CommandError::refused("could not find the folder for logins")
            .because("neither FLEET_CONFIG nor HOME is set")
            .hint("set FLEET_CONFIG to a folder of your own")
    };
    let name = context.name.as_deref().unwrap_or(DEFAULT);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
        let what = format!("`{name}` is not the name of a context");
        return Err(CommandError::misused(what).hint("use letters, digits, `-` and `_`, such as `--context berlin`"));
    }
    Ok(context.home.as_ref().ok_or_else(no_home)?.join(name).join(FILE))
}

/// Loads the operator's identity.
pub fn load(context: &Context) -> Result<Identity, CommandError> {
    match Identity::load(&identity_path(context)?) {
        Ok(identity) => Ok(identity),
        Err(IdentityError::Absent { .. }) => Err(CommandError::refused(not_logged_in(context))
            .hint("ask an administrator for a token (`fleet operator add YOU`), then `fleet login -`")),
        Err(error) => Err(CommandError::refused("could not read your login").because_of(&error)),
    }
}

fn not_logged_in(context: &Context) -> String {
    match &context.name {
        Some(name) => format!("you are not logged in (context {name})"),
        None => "you are not logged in".to_owned(),
    }
}

/// Keeps a login, readable by its owner only.
pub fn save(context: &Context, identity: &Identity) -> Result<(), CommandError> {
    let path = identity_path(context)?;
    make_private_folder(&path)
        .map_err(|source| IdentityError::Write { path: path.clone(), source })
        .and_then(|()| identity.save(&path))
        .map_err(|error| CommandError::refused("could not keep your login").because_of(&error))
}

/// Locks the renewal of a login until the file is dropped: none if another command holds the lock, or has renewed the
/// login since `loaded` was read.
pub fn turn_to_renew(context: &Context, loaded: &Identity) -> Result<Option<File>, CommandError> {
    let path = identity_path(context)?.with_extension("lock");
    let could_not =
        |error: io::Error| CommandError::refused(format!("could not lock `{}`", path.display())).because(error);
    let file =
        OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path).map_err(could_not)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(could_not(error)),
    }
    let is_the_same = load(context)? == *loaded;
    Ok(is_the_same.then_some(file))
}

/// Makes sure before a token is spent that its fruit can be kept.
pub fn prepare(context: &Context) -> Result<(), CommandError> {
    let path = identity_path(context)?;
    make_private_folder(&path).map_err(|error| {
        let what = format!("could not make the folder for your login at `{}`", path.display());
        CommandError::refused(what).because(error).hint("set FLEET_CONFIG to a folder that you may write to")
    })
}

fn make_private_folder(path: &std::path::Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => DirBuilder::new().recursive(true).mode(0o700).create(folder),
        None => Ok(()),
    }
}

/// Removes the login of this context. Returns whether there was one.
pub fn forget(context: &Context) -> Result<bool, CommandError> {
    let path = identity_path(context)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CommandError::refused(format!("could not remove `{}`", path.display())).because(error)),
    }
}
