//! Planning time of the coordinator: a plan for 10,000 hosts in the most expensive states.

#[path = "../../../core/tests/large/fleet.rs"]
mod fleet;

use fleet_core::time::Time;
use fleet_tests::figure;
use std::time::Instant;

const HOSTS: usize = 10_000;
const ROUNDS: usize = 11;
/// Limit in milliseconds of the copy that a change costs while a snapshot is held, such as by a reconcile pass.
const COPY_LIMIT: f64 = 25.0;
/// Limit in milliseconds, far below the second for which a reconcile pass may delay others.
const LIMIT: f64 = 250.0;

fn main() {
    fleet::each_state(HOSTS, |state, plan| {
        let once = || {
            let begun = Instant::now();
            assert!(plan().orders.len() <= 1, "one at a time");
            begun.elapsed().as_secs_f64() * 1000.0
        };
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| once()).collect();
        figure::at_most("plan", state, figure::median(&mut times), "ms", LIMIT);
    });
    for (kind, copy) in [("copy_desired", copy_desired as fn() -> f64), ("copy_observed", copy_observed)] {
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| copy()).collect();
        figure::at_most("plan", kind, figure::median(&mut times), "ms", COPY_LIMIT);
    }
}

/// Milliseconds of one change to desired state while a snapshot of it is held: all instances are copied.
fn copy_desired() -> f64 {
    let (mut desired, _) = fleet::facts(HOSTS);
    let snapshot = desired.clone();
    let begun = Instant::now();
    desired.instances.values_mut().take(1).for_each(|instance| instance.revision += 1);
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    assert_ne!(snapshot.instances, desired.instances);
    took
}

/// Milliseconds of one report that is taken in while a snapshot is held.
fn copy_observed() -> f64 {
    let (_, mut observed) = fleet::facts(HOSTS);
    let snapshot = observed.clone();
    let begun = Instant::now();
    observed.instances.values_mut().take(1).for_each(|seen| seen.at = Time::ZERO);
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    assert_ne!(snapshot.instances, observed.instances);
    took
}
