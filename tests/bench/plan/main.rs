//! Planning time of the coordinator: a plan for 10,000 hosts in the most expensive states.

#[path = "../../../core/tests/large/fleet.rs"]
mod fleet;

use fleet_tests::figure;
use std::time::Instant;

const HOSTS: usize = 10_000;
const ROUNDS: usize = 11;
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
}
