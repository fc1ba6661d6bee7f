//! Views of hosts, instances and rollouts for operators.

mod explanation;
pub mod host;
pub mod instance;
pub mod rollout;
