//! The fleet simulator: many small fleets, each drawn from a seed, with everything going wrong that may go wrong.
//!
//! `FLEET_SIM_SEED=n` simulates one fleet again and prints its trace; `FLEET_SIM_FLEETS=n` sets the number of fleets,
//! with seeds from 0. The default number is fixed, so that two runs test the same. At every pass, `laws.rs` checks what
//! must hold.
#![allow(clippy::print_stderr, reason = "a test says how many fleets it has seen")]

mod agent;
mod data;
mod fleet;
mod laws;
mod operator;
mod random;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;
use world::{Trace, World};

/// Number of fleets when `FLEET_SIM_FLEETS` is not set: about six seconds on two cores.
const FLEETS: u64 = 600;

#[derive(Default)]
struct Tally {
    fleets: AtomicU64,
    turns: AtomicU64,
    orders: AtomicU64,
}

/// Says which seed it was when a fleet ends in a panic.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("seed {0}: live it again with FLEET_SIM_SEED={0}", self.0);
        }
    }
}

fn live(seed: u64, story: Trace, tally: &Tally) {
    let _seed = Seed(seed);
    let mut world = World::of(seed);
    world.story = story;
    if let Err(broken) = world.live() {
        panic!("{broken}");
    }
    tally.fleets.fetch_add(1, Ordering::Relaxed);
    tally.turns.fetch_add(world.turns.into(), Ordering::Relaxed);
    tally.orders.fetch_add(world.orders.into(), Ordering::Relaxed);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_fleet_settles_and_keeps_its_limits() {
    let tally = Tally::default();
    if let Some(seed) = number("FLEET_SIM_SEED") {
        return live(seed, Trace::Printed, &tally);
    }
    let fleets = number("FLEET_SIM_FLEETS").unwrap_or(FLEETS);
    let (begun, next) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= fleets {
                        break;
                    }
                    live(seed, Trace::Untold, &tally);
                }
            });
        }
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (fleets, turns, orders) = (count(&tally.fleets), count(&tally.turns), count(&tally.orders));
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!(
        "{fleets} fleets, {turns} turns, {orders} orders in {seconds:.1} s: {:.0} a second",
        fleets as f64 / seconds
    );
}
