//! The rules of the house, kept by tests.

mod arrows;
mod circles;
mod codes;
mod commands;
mod errors;
mod files;
mod help;
mod names;
mod reference;
mod registry;
mod shown;
mod signals;
mod unused;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie one folder below the top").to_owned()
}
