//! Parses a Compose file unchanged, and refuses keys that fleet would not honour.
//!
//! **Invariant:** nothing is silently ignored. A key is honoured, or it is a problem that names file, line and key.

mod checks;
mod cursor;
mod cycle;
pub(crate) mod dotenv;
mod interpolate;
mod keys;
mod merge;
mod network;
mod problem;
mod project;
mod read;
mod scalar;
mod service;
mod shell_words;
mod top;
mod volume;
pub(crate) mod yaml;

pub use problem::{Problem, Problems};
pub use project::{Attachment, Mount, MountOrigin, Network, Project, Service, ServiceLink, Volume};
pub use read::{ComposeSource, ProjectNaming, read};

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
