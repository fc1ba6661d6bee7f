//! How hosts, instances and rollouts look to operators.

pub mod host;
pub mod instance;
pub mod rollout;
