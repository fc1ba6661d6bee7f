//! The program that runs, to be started once more as a worker.

use std::io;
use std::path::{Path, PathBuf};

/// Path that Linux resolves to the running program, even if its file was replaced.
const RUNNING: &str = "/proc/self/exe";

/// A path that starts the program that runs, for as long as it runs. After an upgrade of its package, the path at which it was
/// started has no file, or another version's, which may not talk as this one does.
///
/// # Errors
///
/// Fails where there is no `/proc` and the program's path is unknown.
pub fn own_program() -> io::Result<PathBuf> {
    // A process that was forked resolves it to the same file until it has become that program.
    if Path::new(RUNNING).exists() { Ok(RUNNING.into()) } else { std::env::current_exe() }
}
