//! The coordinator as its callers see it: over loopback, with real TLS and a real store.

mod agreed;
mod backups;
mod claiming;
mod crowds;
mod duplicates;
mod earlier;
mod frozen;
mod harness;
mod import;
mod joining;
mod locations;
mod metrics;
mod own;
mod port;
mod program;
mod queries;
mod refusing;
mod repositories;
mod roles;
mod scene;
mod skew;
mod steering;
mod stories;
mod undoing;
mod unknown;
