//! Stories of orders, with hands that remember.

mod crashes;
mod expectations;
mod harness;
mod links;
mod progress;
mod slow_disk;
mod stories;
