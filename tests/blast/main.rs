//! The blast radius: what one host's trouble does to the others, which is nothing.

mod pulse;
mod radius;
