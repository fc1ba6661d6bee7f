//! Compose file and `app.yaml` to the specification of an instance.
//!
//! [`compose`] reads a Compose file, [`app`] a folder with an `app.yaml` beside it; both together give a [`spec::Spec`] and the
//! stores that a backup has to hold.
//!
//! **Invariant:** nothing here touches the world. No IO, no clock, no randomness, no async: a file's content, an instance's values
//! come in as arguments.

#![warn(missing_docs)]

pub mod app;
pub mod compose;
pub mod guess;
pub mod image;
pub mod lower;
pub mod names;
pub mod paths;
pub mod spec;
pub mod store;
pub mod units;
pub mod version;
