//! The coordinator's repositories as they are on the disk: made, listed, forgotten, read through, and opened by stock restic.

mod harness;
mod hostile;
mod housekeeping;
mod keys;
mod kit;
mod lost;
