//! A fleet of lab servers, each a whole machine in a container, and what happens to such machines.

mod faults;
mod twins;
