//! A fleet of lab servers, each a whole machine in a container, and faults of such machines.

mod backups;
mod coordinator;
mod disk;
mod faults;
mod installer;
mod sleeper;
mod twins;
