//! Any goals, interrupted anywhere, on the model of an Engine.

use super::language::spec;
use crate::spec::InstanceSpec;
use crate::steps::model::Host;
use crate::steps::{drift, steps, steps_to_remove};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Generates a goal in the small language: up to five services, each depending on some of those before it.
fn any_goal() -> impl Strategy<Value = InstanceSpec> {
    let service = (0..4_u8, 0..5_u8, 0..5_u8, 0..3_u8);
    (prop::collection::vec(service, 5), 0..3_u8, 0..3_u8, 0..3_u8).prop_map(|(services, network, volume, file)| {
        let mut text = String::new();
        let mut there: Vec<char> = Vec::new();
        for (name, (version, on, how, lender)) in ('a'..).zip(services) {
            // Version 0 means a service that this goal does not have.
            if version == 0 {
                continue;
            }
            text.push_str(&format!("{name}:{version}"));
            if let Some(on) = there.get(usize::from(on)) {
                let how = ["", " healthy", " completed", "", ""][usize::from(how)];
                text.push_str(&format!(" after {on}{how}"));
            }
            if let Some(lender) = there.get(usize::from(lender)).filter(|_| how == 4) {
                text.push_str(&format!(" in {lender}"));
            }
            text.push('\n');
            there.push(name);
        }
        for (count, word) in [(network, "network n"), (volume, "volume v")] {
            (0..count).for_each(|index| text.push_str(&format!("{word}{index}\n")));
        }
        text.push_str(&format!("network main {network}\nfile f{file} {volume}\n"));
        let mut goal = spec(&text);
        // A one-shot service is waited for by all, and lends no network; a borrower of a network has none of its own.
        let one_shots: Vec<_> = goal.containers.iter().map(|it| it.service.clone()).collect();
        let one_shots: Vec<_> = one_shots.into_iter().filter(|it| crate::steps::is_one_shot(&goal, it)).collect();
        for container in &mut goal.containers {
            for (service, condition) in &mut container.depends_on {
                if one_shots.contains(service) {
                    *condition = crate::spec::Condition::CompletedSuccessfully;
                }
            }
            if let crate::spec::NetworkMode::Service(lender) = &container.network_mode {
                if one_shots.contains(lender) {
                    container.network_mode = crate::spec::NetworkMode::Attached;
                } else {
                    container.networks.clear();
                }
            }
        }
        goal
    })
}

fn is_reached(host: &Host, goal: &InstanceSpec) {
    let found = host.look(goal);
    assert_eq!(steps(&found, goal), [], "the goal is reached");
    assert_eq!(drift(&found, goal), Vec::new(), "nothing has drifted");
    assert_eq!(found.containers.len(), goal.containers.len(), "nothing is left over");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_goal_is_reached_whatever_was_interrupted_before(
        goals in prop::collection::vec((any_goal(), 0..40_usize, 0..7_usize), 1..6),
        last in any_goal(),
    ) {
        let mut host = Host::default();
        let mut volumes = BTreeSet::new();
        for (goal, limit, turn) in &goals {
            host.perform(&steps(&host.look(goal), goal), goal, *turn, *limit);
            prop_assert!(host.volumes.is_superset(&volumes), "a change never removes a volume");
            volumes.clone_from(&host.volumes);
        }
        host.perform(&steps(&host.look(&last), &last), &last, 0, usize::MAX);
        is_reached(&host, &last);
        prop_assert!(host.volumes.is_superset(&volumes), "a change never removes a volume");
    }

    #[test]
    fn interrupted_after_every_step_the_same_goal_is_reached(from in any_goal(), to in any_goal(), turn in 0..7_usize) {
        let mut host = Host::default();
        host.perform(&steps(&host.look(&from), &from), &from, 0, usize::MAX);
        let mut rounds = 0;
        while host.perform(&steps(&host.look(&to), &to), &to, turn, 1) > 0 {
            rounds += 1;
            prop_assert!(rounds < 200, "it ends");
        }
        host.perform(&steps(&host.look(&to), &to), &to, 0, usize::MAX);
        is_reached(&host, &to);
    }

    #[test]
    fn the_way_back_is_open_after_any_step(from in any_goal(), to in any_goal(), limit in 0..60_usize) {
        let mut host = Host::default();
        host.perform(&steps(&host.look(&from), &from), &from, 0, usize::MAX);
        host.perform(&steps(&host.look(&to), &to), &to, 0, limit);
        host.perform(&steps(&host.look(&from), &from), &from, 0, usize::MAX);
        is_reached(&host, &from);
    }

    #[test]
    fn a_removal_interrupted_anywhere_leaves_nothing_but_volumes(goal in any_goal(), limit in 0..20_usize) {
        let mut host = Host::default();
        host.perform(&steps(&host.look(&goal), &goal), &goal, 0, usize::MAX);
        let volumes = host.volumes.clone();
        let removal = |host: &Host| steps_to_remove(&host.look(&goal), &goal, &BTreeSet::new());
        host.perform(&removal(&host), &goal, 0, limit);
        host.perform(&removal(&host), &goal, 0, usize::MAX);
        let left = host.look(&goal);
        prop_assert!(left.containers.is_empty() && left.networks.is_empty() && left.files.is_empty());
        prop_assert_eq!(left.volumes, volumes);
    }
}
