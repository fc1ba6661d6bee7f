//! Blast radius: the effect of one host's trouble on the others, which must be none.
//!
//! Nothing here depends on how fast the machine is; `tests/bench/run.sh blast` measures times.

mod radius;
