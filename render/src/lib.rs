//! Renders releases in a process of its own, with its memory and its time limited.
//!
//! A template is a program of an operator. `fleet-core` limits its steps and its output, but not its memory, and a
//! failed allocation ends its process. So coordinator, agent and command start their own program again
//! (`render-worker`), which renders one release after the other. A template that takes too much ends that process, and
//! is refused by its name.

#![warn(missing_docs)]

mod client;
mod frame;
mod job;
mod own;
mod serve;

pub use client::{RenderError, Renderer, Session, WORKERS};
pub use job::HostUse;
pub use own::own_program;
pub use serve::main;

/// The hidden subcommand of a program that leads to [`main`].
pub const SUBCOMMAND: &str = "render-worker";
