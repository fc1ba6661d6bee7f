//! Views of hosts, instances and rollouts for operators.

pub mod host;
pub mod instance;
pub mod rollout;
