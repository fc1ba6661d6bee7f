//! A fleet of lab servers, each a whole machine in a container, and what happens to such machines.

mod disk;
mod faults;
mod twins;
