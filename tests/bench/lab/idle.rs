//! An agent that has nothing to do, on a lab server with an instance.

use anyhow::Context;
use fleet_tests::figure;
use fleet_tests::lab::Lab;
use std::path::Path;
use std::time::{Duration, Instant};

const NAME: &str = "idle-agent";
const WARM_UP: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(120);
/// Unit of processor time in `/proc/PID/stat`.
const TICKS_A_SECOND: f64 = 100.0;

pub fn measure() -> anyhow::Result<()> {
    let programs = std::env::var("FLEET_TEST_BIN").context("$FLEET_TEST_BIN is not set: run tests/bench/run.sh")?;
    let size = std::fs::metadata(Path::new(&programs).join("fleet-agent"))?.len();
    figure::at_most(NAME, "binary", mebibytes(size as f64), "MiB", 15.0);

    let lab = Lab::new("bench-idle")?;
    lab.add_server(1, &[])?;
    lab.push("1.1")?;
    lab.install(1, "1.1")?;
    pause(WARM_UP);
    let before = processor_seconds(&lab)?;
    let begin = Instant::now();
    pause(IDLE);
    let used = (processor_seconds(&lab)? - before) / begin.elapsed().as_secs_f64();
    let resident = lab.on_server(1, "awk '/^VmRSS/ {print $2}' /proc/$(pidof fleet-agent)/status")?;
    figure::at_most(NAME, "resident", resident.trim().parse::<f64>()? / 1024.0, "MiB", 12.0);
    figure::at_most(NAME, "processor", used * 100.0, "%", 0.1);
    Ok(())
}

fn processor_seconds(lab: &Lab) -> anyhow::Result<f64> {
    let ticks = lab.on_server(1, "awk '{print $14 + $15}' /proc/$(pidof fleet-agent)/stat")?;
    Ok(ticks.trim().parse::<f64>()? / TICKS_A_SECOND)
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}

#[allow(clippy::disallowed_methods, reason = "idling is what is measured")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
