//! Reasons why rollouts are halted, as messages and as arguments of problems.

use super::arguments::Argument;
use super::failure::incoming_failure;
use super::health::reported_problem;
use crate::v1;
use fleet_core::halt_reason::{HaltReason, MemberFailure, MemberFailureKind};
use fleet_core::health_problem::HealthProblem;
use fleet_core::order_failure::OrderFailure;

impl From<HaltReason> for v1::HaltReason {
    fn from(reason: HaltReason) -> Self {
        Self {
            in_canary: reason.is_in_canary,
            failures: reason.failures.into_iter().map(Into::into).collect(),
            more: u32::try_from(reason.more).unwrap_or(u32::MAX),
        }
    }
}

/// Reads the reason why a rollout is halted. Failures that this version cannot read count as further ones.
pub fn incoming_halt_reason(message: v1::HaltReason) -> HaltReason {
    let count = message.failures.len();
    let failures = message.failures.into_iter().take(HaltReason::LISTED).filter_map(incoming_member_failure);
    let failures: Vec<MemberFailure> = failures.collect();
    let more = (message.more as usize).saturating_add(count - failures.len());
    HaltReason { is_in_canary: message.in_canary, failures, more }
}

impl From<MemberFailure> for v1::MemberFailure {
    fn from(MemberFailure { instance, from, kind }: MemberFailure) -> Self {
        let ended = |outcome: v1::OrderOutcome, failure: OrderFailure| Self {
            state: v1::MemberState::Failed.into(),
            outcome: outcome.into(),
            failure: Some(failure.into()),
            ..Self::default()
        };
        let failed = match kind {
            MemberFailureKind::RolledBack(failure) => ended(v1::OrderOutcome::RolledBack, failure),
            MemberFailureKind::Stuck(failure) => ended(v1::OrderOutcome::Stuck, failure),
            MemberFailureKind::Refused(failure) => ended(v1::OrderOutcome::Refused, failure),
            MemberFailureKind::Failed(failure) => ended(v1::OrderOutcome::Failed, failure),
            MemberFailureKind::Unhealthy(problem) => {
                Self { state: v1::MemberState::Unhealthy.into(), problem: Some(problem.into()), ..Self::default() }
            }
            MemberFailureKind::Overdue => Self { state: v1::MemberState::Overdue.into(), ..Self::default() },
        };
        Self { instance: instance.to_string(), from: from.to_string(), ..failed }
    }
}

/// Reads the failure of a member; none if this version cannot read it.
pub fn incoming_member_failure(message: v1::MemberFailure) -> Option<MemberFailure> {
    let (state, outcome) = (message.state(), message.outcome());
    let kind = match state {
        v1::MemberState::Overdue => MemberFailureKind::Overdue,
        v1::MemberState::Unhealthy => MemberFailureKind::Unhealthy(reported_problem(message.problem)),
        v1::MemberState::Failed => ended(outcome, incoming_failure(message.failure))?,
        v1::MemberState::Unspecified
        | v1::MemberState::Waiting
        | v1::MemberState::UnderWay
        | v1::MemberState::Done
        | v1::MemberState::Skipped
        | v1::MemberState::Offline
        | v1::MemberState::Elsewhere
        | v1::MemberState::Removed => return None,
    };
    Some(MemberFailure { instance: message.instance.parse().ok()?, from: message.from.parse().ok()?, kind })
}

fn ended(outcome: v1::OrderOutcome, failure: OrderFailure) -> Option<MemberFailureKind> {
    match outcome {
        v1::OrderOutcome::RolledBack => Some(MemberFailureKind::RolledBack(failure)),
        v1::OrderOutcome::Stuck => Some(MemberFailureKind::Stuck(failure)),
        v1::OrderOutcome::Refused => Some(MemberFailureKind::Refused(failure)),
        v1::OrderOutcome::Failed => Some(MemberFailureKind::Failed(failure)),
        v1::OrderOutcome::Unspecified | v1::OrderOutcome::AlreadySo | v1::OrderOutcome::Done => None,
    }
}

/// The last field: whether it is in the canary, the number of further failures, the number of listed ones, and for each the
/// number of its texts and the texts.
impl Argument for HaltReason {
    fn put(self, to: &mut Vec<String>) {
        self.is_in_canary.put(to);
        self.more.put(to);
        self.failures.len().put(to);
        self.failures.into_iter().for_each(|failure| failure.put_item(to));
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let (is_in_canary, more, count) = (bool::take(from)?, usize::take(from)?, usize::take(from)?);
        let mut failures = Vec::new();
        for _ in 0..count.min(Self::LISTED) {
            failures.extend(MemberFailure::take_item(from));
        }
        let more = more.saturating_add(count - failures.len());
        Some(Self { is_in_canary, failures, more })
    }
}

/// The fields of its message, the failure or the problem at the end.
impl Argument for MemberFailure {
    fn put(self, to: &mut Vec<String>) {
        let message = v1::MemberFailure::from(self.clone());
        let (state, outcome) = (message.state().as_str_name(), message.outcome().as_str_name());
        to.extend([message.instance, state.to_owned(), outcome.to_owned(), message.from]);
        match self.kind {
            MemberFailureKind::RolledBack(failure)
            | MemberFailureKind::Stuck(failure)
            | MemberFailureKind::Refused(failure)
            | MemberFailureKind::Failed(failure) => failure.put(to),
            MemberFailureKind::Unhealthy(problem) => problem.put(to),
            MemberFailureKind::Overdue => {}
        }
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let instance = from.next()?;
        let state = v1::MemberState::from_str_name(&from.next()?)?;
        let outcome = v1::OrderOutcome::from_str_name(&from.next()?)?.into();
        let version = from.next()?;
        let is_unhealthy = state == v1::MemberState::Unhealthy;
        let problem = if is_unhealthy { HealthProblem::take(from).map(Into::into) } else { None };
        let failure = OrderFailure::take(from).map(Into::into);
        incoming_member_failure(v1::MemberFailure {
            instance,
            state: state.into(),
            outcome,
            from: version,
            failure,
            problem,
        })
    }

    fn put_item(self, to: &mut Vec<String>) {
        let mut texts = Vec::new();
        self.put(&mut texts);
        texts.len().put(to);
        to.extend(texts);
    }

    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let number = usize::take(from)?;
        let mut texts = from.take(number);
        let failure = Self::take(&mut texts);
        // The next one begins behind all texts of this one.
        texts.for_each(drop);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::super::incoming_problem;
    use super::*;
    use fleet_core::problem::Problem;

    /// The first three kinds, and the others.
    fn reasons() -> [HaltReason; 2] {
        let failure = |kind| MemberFailure {
            instance: "notes-1".parse().expect("a name"),
            from: "1.1".parse().expect("a version"),
            kind,
        };
        let several =
            OrderFailure::Several { failures: vec![OrderFailure::other("no answer"), OrderFailure::NoStores] };
        let first = [
            MemberFailureKind::RolledBack(several),
            MemberFailureKind::Stuck(OrderFailure::NoStores),
            MemberFailureKind::Refused(OrderFailure::NoStores),
        ];
        let others = [
            MemberFailureKind::Failed(OrderFailure::other("no answer")),
            MemberFailureKind::Unhealthy(HealthProblem::other("no answer")),
            MemberFailureKind::Overdue,
        ];
        let first = HaltReason { more: 3, ..HaltReason::new(true, first.map(failure).into()) };
        [first, HaltReason::new(false, others.map(failure).into())]
    }

    #[test]
    fn a_reason_comes_back_as_it_was() {
        for reason in reasons() {
            assert_eq!(incoming_halt_reason(reason.clone().into()), reason);
        }
    }

    #[test]
    fn a_reason_in_a_problem_comes_back_as_it_was() {
        for reason in reasons() {
            let problem = Problem::RolloutHalted(reason);
            assert_eq!(incoming_problem(problem.clone().into()), Some(problem));
        }
    }

    #[test]
    fn failures_that_cannot_be_read_are_counted() {
        let [reason, _] = reasons();
        let mut message = v1::HaltReason::from(reason.clone());
        message.failures[0].state = 1000;
        let HaltReason { failures, more, .. } = incoming_halt_reason(message);
        assert_eq!((failures.len(), more), (2, 4));
        let mut message = v1::Problem::from(Problem::RolloutHalted(reason));
        let state = message.arguments.iter_mut().find(|text| *text == "MEMBER_STATE_FAILED").expect("it has one");
        *state = "MEMBER_STATE_NEWER".to_owned();
        let Some(Problem::RolloutHalted(HaltReason { failures, more, .. })) = incoming_problem(message) else {
            panic!("it can be read");
        };
        assert_eq!((failures.len(), more), (2, 4));
    }
}
