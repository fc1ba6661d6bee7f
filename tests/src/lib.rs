//! Shared parts of the stories, the Docker tests, the lab and the benches.

#![warn(missing_docs)]

pub mod figure;
pub mod fleet;
pub mod lab;
pub mod port;
pub mod process;
pub mod random;
pub mod raw;
pub mod trouble;
