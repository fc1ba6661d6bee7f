//! Shows a plan as lines.

use super::given::Given;
use crate::backup::DataAction;
use crate::halt_reason::{HaltReason, MemberFailure};
use crate::order::{Action, PowerRequest};
use crate::plan::{NewOrder, Plan, PlanContext, RequestEnd, RolloutPhase};

/// Returns the orders, the closed and withdrawn ones, the waiting instances, the phases of rollouts, and the wake-up
/// time.
pub fn show(given: &Given, plan: &Plan) -> Vec<String> {
    let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
    let mut lines: Vec<String> = plan.orders.iter().map(order).collect();
    let instance = |id| given.asked.orders[id].order.instance.to_string();
    lines.extend(plan.closed.iter().map(|id| format!("{}: closed", instance(id))));
    lines.extend(plan.withdrawn.iter().map(|id| format!("{}: withdrawn", instance(id))));
    lines.extend(plan.gone.iter().map(|name| format!("{name}: gone")));
    lines.extend(plan.restored.iter().map(|(name, revision)| format!("{name}: has revision {revision} again")));
    lines.extend(plan.over.iter().map(|over| match over.how {
        RequestEnd::Lapsed => format!("{}: its request has lapsed", over.instance),
        RequestEnd::Done | RequestEnd::Failed => format!("{}: its request is over", over.instance),
    }));
    lines.extend(plan.waiting.iter().map(|waiting| format!("{}: waits, {:?}", waiting.instance, waiting.reason)));
    let rollouts = given.desired.rollouts.values();
    lines.extend(rollouts.map(|rollout| format!("{}: {}", rollout.id, phase(&plan_context.phase(rollout)))));
    lines.extend(plan.wake_at.map(|at| format!("wake {}", at.0 / 1000)));
    lines
}

/// Returns the phase with its values; of one that is halted, each failure.
pub fn phase(phase: &RolloutPhase) -> String {
    let RolloutPhase::Halted { reason: HaltReason { is_in_canary, failures, more } } = phase else {
        return format!("{phase:?}");
    };
    let canary = if *is_in_canary { " in the canary" } else { "" };
    let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
    format!("Halted{canary}: {}{more}", failures.iter().map(failure).collect::<Vec<_>>().join(", "))
}

/// Returns the values of a failure.
pub fn failure(MemberFailure { instance, from, kind }: &MemberFailure) -> String {
    format!("{instance} from {from} {kind:?}")
}

fn order(new: &NewOrder) -> String {
    let what = match &new.order.action {
        Action::Install { goal } => format!("install {}", goal.release.name.version),
        Action::Upgrade { from, goal, .. } => {
            let revision = if goal.revision == 1 { String::new() } else { format!(" revision {}", goal.revision) };
            let started = new.order.action.started_releases().map(|release| format!(" -> {}", release.name.version));
            format!("upgrade {}{}{revision}", from.name.version, started.collect::<String>())
        }
        Action::Configure { from, goal } => format!("configure {from} -> {}", goal.revision),
        Action::Power { request: PowerRequest::Start, .. } => "start".to_owned(),
        Action::Power { request: PowerRequest::Stop, .. } => "stop".to_owned(),
        Action::Power { request: PowerRequest::Restart, .. } => "restart".to_owned(),
        Action::Remove { .. } => "remove".to_owned(),
        Action::Data(DataAction::Backup { to, .. }) => {
            format!("back up to {}", to.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        }
        Action::Data(DataAction::Drill { from, .. }) => format!("drill {}", from.repository),
        Action::Data(DataAction::Restore { .. }) => "restore".to_owned(),
        Action::Data(DataAction::Forget { .. }) => "forget".to_owned(),
    };
    format!("{}: {what}", new.order.instance)
}
