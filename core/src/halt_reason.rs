//! Reason why a rollout is halted, as values. `fleet` turns them into words.

use crate::health_problem::HealthProblem;
use crate::names::{InstanceName, Version};
use crate::order::Outcome;
use crate::order_failure::OrderFailure;
use serde::{Deserialize, Serialize};

/// Reason why a rollout is halted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltReason {
    /// True if the canary had not succeeded, so that one failure was enough.
    pub is_in_canary: bool,
    /// First failures, in the order of the rollout; at most [`HaltReason::LISTED`].
    pub failures: Vec<MemberFailure>,
    /// Number of further failures.
    pub more: usize,
}

impl HaltReason {
    /// The most failures in a reason.
    pub const LISTED: usize = 3;

    /// Makes a reason of all failures of a rollout.
    pub fn new(is_in_canary: bool, mut failures: Vec<MemberFailure>) -> Self {
        let more = failures.len().saturating_sub(Self::LISTED);
        failures.truncate(Self::LISTED);
        Self { is_in_canary, failures, more }
    }
}

/// A member that counts as failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFailure {
    /// The instance.
    pub instance: InstanceName,
    /// Version that it had before.
    pub from: Version,
    /// Kind of failure, with its reason.
    pub kind: MemberFailureKind,
}

/// Kinds of failures of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberFailureKind {
    /// Its order failed, and it has its earlier release again.
    RolledBack(OrderFailure),
    /// Its order failed, and a person is needed.
    Stuck(OrderFailure),
    /// Its host refused the order.
    Refused(OrderFailure),
    /// Its order failed, and the instance is as before.
    Failed(OrderFailure),
    /// Changed, and unhealthy since, with the reason that its host reports.
    Unhealthy(HealthProblem),
    /// Its host has not said how the order ended.
    Overdue,
}

impl MemberFailureKind {
    /// Returns the kind of an order's failure; none if the order succeeded.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::AlreadySo | Outcome::Done => None,
            Outcome::RolledBack { failure } => Some(Self::RolledBack(failure.clone())),
            Outcome::Stuck { failure, .. } => Some(Self::Stuck(failure.clone())),
            Outcome::Refused { failure } => Some(Self::Refused(failure.clone())),
            Outcome::Failed { failure } => Some(Self::Failed(failure.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_are_listed_and_the_others_are_counted() {
        let overdue = |name: &str| MemberFailure {
            instance: name.parse().expect("a name"),
            from: "1.1".parse().expect("a version"),
            kind: MemberFailureKind::Overdue,
        };
        let reason = HaltReason::new(true, ["a", "b", "c", "d", "e"].map(overdue).into());
        let listed = ["a", "b", "c"].map(overdue).into();
        assert_eq!(reason, HaltReason { is_in_canary: true, failures: listed, more: 2 });
        assert_eq!(HaltReason::new(false, vec![overdue("a")]).more, 0);
    }
}
