//! Stories of orders, on a container runtime with memory.

mod crashes;
mod expectations;
mod foreign;
mod harness;
mod links;
mod progress;
mod slow_disk;
mod stories;
mod volumes;
