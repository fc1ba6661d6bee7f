//! Reads a Compose file as its users wrote it, and refuses what we would not honour.
//!
//! **Invariant:** nothing is silently ignored. A key is honoured, or it is a problem that names file, line and key.

mod problem;
mod project;

pub use problem::{Problem, Problems};
pub use project::{Attachment, Link, Mount, Network, Origin, Project, Service, Volume};
