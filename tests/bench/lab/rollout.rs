//! Time that the coordinator, the link and the command add to the work of the slowest of three lab servers.

use anyhow::Context;
use fleet_tests::figure;
use fleet_tests::lab::Lab;
use serde_json::Value;
use std::time::Instant;

const NAME: &str = "rollout";
const ROUNDS: usize = 5;

pub fn measure() -> anyhow::Result<()> {
    let lab = Lab::new("bench-rollout")?;
    for version in ["1.1", "1.2"] {
        if version == "1.1" {
            (1..=3).try_for_each(|number| lab.add_server(number, &[]))?;
        }
        lab.push(version)?;
    }
    (1..=3).try_for_each(|number| lab.install(number, "1.1"))?;
    let (mut totals, mut overheads) = (Vec::new(), Vec::new());
    // The first round pulls the image; from then on the versions take turns.
    for round in 0..=ROUNDS {
        let version = ["1.2", "1.1"][round % 2];
        let begin = Instant::now();
        lab.fleet_ok(&["rollout", "--version", version, "--canary", "0", "--at-once", "3", "--soak", "0s", "--yes"])?;
        let total = begin.elapsed().as_secs_f64();
        let slowest = (1..=3).map(|number| own_work(&lab, number)).collect::<anyhow::Result<Vec<_>>>()?;
        let slowest = slowest.into_iter().fold(0.0, f64::max);
        if round > 0 {
            totals.push(total);
            overheads.push((total - slowest) / slowest * 100.0);
        }
    }
    figure::plain(NAME, "total", figure::median(&mut totals), "s");
    figure::at_most(NAME, "overhead", figure::median(&mut overheads), "%", 10.0);
    Ok(())
}

/// Returns the duration of the server's newest order by its own ledger.
fn own_work(lab: &Lab, number: u8) -> anyhow::Result<f64> {
    let newest = "cat $(ls -t /var/lib/fleet-agent/ledger/orders/*.json | head -n 1)";
    let file: Value = serde_json::from_str(&lab.on_server(number, newest)?)?;
    let entry = &file["entry"];
    let begun = entry["begun"].as_u64().context("an order says when it was begun")?;
    let ended = entry["state"]["ended"]["at"].as_u64().context("the newest order has ended")?;
    Ok((ended - begun) as f64 / 1000.0)
}
