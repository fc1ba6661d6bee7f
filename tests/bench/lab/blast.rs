//! Delay of one host's orders and another's heartbeats while a third host is in trouble.

use crate::measurement::Measurement;
use fleet_tests::figure::{at_most, median};
use fleet_tests::trouble::{Trouble, add_flood, ticking_lab};

const NAME: &str = "blast";
/// Calm and trouble are measured in turns: the machine's own pace changes.
const ROUNDS: usize = 3;
/// The ratio that is too much, in per cent.
const LIMIT: f64 = 105.0;

pub fn measure() -> anyhow::Result<()> {
    let lab = ticking_lab("bench-blast")?;
    // The first orders of a fresh lab find cold caches.
    lab.fleet_ok(&["instance", "restart", "tick-1"])?;
    for trouble in [Trouble::HungChild, Trouble::SlowLink, Trouble::LogFlood] {
        if trouble == Trouble::LogFlood {
            add_flood(&lab)?;
        }
        let (mut orders, mut heartbeats) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let without = Measurement::take(&lab, "tick-1", "lab-2")?;
            let follower = trouble.begin(&lab)?;
            let with = Measurement::take(&lab, "tick-1", "lab-2")?;
            drop(follower);
            trouble.end(&lab)?;
            orders.push(with.order / without.order * 100.0);
            heartbeats.push(with.heartbeat / without.heartbeat * 100.0);
        }
        at_most(NAME, &format!("{}-order", trouble.name()), median(&mut orders), "%", LIMIT);
        at_most(NAME, &format!("{}-heartbeat", trouble.name()), median(&mut heartbeats), "%", LIMIT);
    }
    Ok(())
}
