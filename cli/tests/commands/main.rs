//! The command as a person meets it: a command line, and then exit code, stdout and stderr.
//!
//! The coordinator here is a fake with memory, but the link to it is real: mTLS on loopback, joined with a token.

mod apps;
mod authority;
mod backups;
mod completing;
mod desk;
mod environment;
mod errors;
mod fake;
mod login;
mod policies;
mod port;
mod reading;
mod readme;
mod rollouts;
mod safe;
mod scene;
mod shells;
mod unknown;
mod writing;
