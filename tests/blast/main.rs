//! The blast radius: what one host's trouble does to the others, which is nothing.
//!
//! Nothing here depends on how fast the machine is; `tests/bench/run.sh blast` measures times.

mod radius;
