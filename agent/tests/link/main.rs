//! Whole agents, with a simulated container runtime, against a minimal coordinator over real mTLS.

#![allow(missing_debug_implementations, reason = "these are tests")]

mod certificates;
mod coordinator;
mod frozen;
mod lab;
mod metrics;
mod orders;
mod queries;
mod repositories;
mod skew;
mod watching;
