//! The coordinator as its callers see it: over loopback, with real TLS and a real store.

mod bed;
mod import;
mod joining;
mod port;
mod program;
mod questions;
mod stories;
mod undoing;
