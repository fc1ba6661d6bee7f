//! How long the coordinator thinks: a plan for 10,000 hosts in the states in which it has most to look at.

#[path = "../../../core/tests/large/fleet.rs"]
mod fleet;

use fleet_tests::figure;
use std::time::Instant;

const HOSTS: usize = 10_000;
const ROUNDS: usize = 11;
/// Far below the second for which a turn of the coordinator may keep others waiting.
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
