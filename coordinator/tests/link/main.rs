//! The coordinator as its callers see it: over loopback, with real TLS and a real store.

mod backups;
mod bed;
mod claiming;
mod crowds;
mod duplicates;
mod earlier;
mod import;
mod joining;
mod metrics;
mod own;
mod places;
mod port;
mod program;
mod questions;
mod refusing;
mod repositories;
mod roles;
mod stories;
mod undoing;
