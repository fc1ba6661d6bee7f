//! Words of rollouts that cannot work.

use super::minutes;
use crate::words::{and_more, reasons, unknown};
use fleet_core::names::ReleaseName;
use fleet_core::proposal::RolloutRefusal;
use fleet_core::rollout::LeftOut;
use fleet_proto::convert::incoming_rollout_refusal;
use fleet_proto::v1;

/// Returns the words of a refusal as it came over the wire. An unknown code is shown with its arguments.
pub fn shown(message: &v1::RolloutRefusal) -> String {
    let known = incoming_rollout_refusal(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| unknown::<v1::RolloutRefusalCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a refusal, as the end of a sentence.
pub(super) fn words(refusal: &RolloutRefusal) -> String {
    match refusal {
        RolloutRefusal::NoInstances { app } => format!("there is no instance of {app}"),
        RolloutRefusal::NoneSelected { app, selector } => {
            format!("no host with an instance of {app} matches `{selector}`")
        }
        RolloutRefusal::AllThere { release, count } => format!("{} at {release} already", all_of(*count)),
        RolloutRefusal::Older { release, count, there, .. } => older(release, *count, *there),
        RolloutRefusal::NothingToMove { release, more, left_out } => {
            format!("no instance can be moved to {release}{}", each(left_out, *more))
        }
        RolloutRefusal::CanaryNotSmaller { canary, group } => {
            format!("a canary of {canary} is not smaller than its group of {group}")
        }
        RolloutRefusal::WindowTooShort { length, longest } => format!(
            "the window is open for {} min, and one instance may take {} min to change and to go back",
            minutes(*length),
            minutes(*longest)
        ),
        RolloutRefusal::AnotherActive { app, rollout } => format!("rollout {rollout} of {app} is not over"),
        RolloutRefusal::NoSuchLabel { label } => format!("no host has a label `{label}`"),
        RolloutRefusal::NonePer { label } => format!("none at a time per `{label}` would never begin"),
        RolloutRefusal::NoFailureAllowed => "a limit of 0 failures would halt before it begins".to_owned(),
        RolloutRefusal::NoTime => "a deadline of nothing would fail every instance".to_owned(),
        RolloutRefusal::UnderWay { rollout } => format!("rollout {rollout} has orders under way"),
        RolloutRefusal::NothingGoesBack { rollout, more, left_out } => {
            format!("no instance of rollout {rollout} can go back{}", each(left_out, *more))
        }
        RolloutRefusal::NothingToUndo { rollout } => format!("rollout {rollout} moved nothing that could go back"),
    }
}

fn all_of(instances: usize) -> String {
    if instances == 1 { "the one instance is".to_owned() } else { format!("all {instances} instances are") }
}

fn older(release: &ReleaseName, count: usize, there: usize) -> String {
    let are = |number: usize| if number == 1 { "1 instance is".to_owned() } else { format!("{number} instances are") };
    match (count, there) {
        (1, 0) => format!("{release} is older than what the one instance runs now"),
        (all, 0) => format!("{release} is older than what all {all} instances run now"),
        (newer, there) => format!("{} at {release} already, and {} at a newer release", are(there), are(newer)),
    }
}

/// The instances that are left out, as the end of a sentence; empty without any.
fn each(left_out: &[LeftOut], more: usize) -> String {
    let one = |one: &LeftOut| format!("{}: {}", one.instance, reasons::left_out(&one.reason));
    let all: Vec<String> = left_out.iter().map(one).collect();
    if all.is_empty() { String::new() } else { format!(": {}{}", all.join(", "), and_more(more, "")) }
}
