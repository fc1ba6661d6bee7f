//! Measurements of the fleet from outside: intervals of heartbeats, and durations of orders.

use fleet_tests::figure::median;
use fleet_tests::lab::{Lab, list};
use std::time::{Duration, Instant};

/// Number of orders in one measurement.
const ORDERS: usize = 15;
/// Interval at which heartbeats are checked.
const LOOK: Duration = Duration::from_millis(100);

/// Measurement with or without trouble at another host.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// The median time in seconds from asking for a restart until its end is known.
    pub order: f64,
    /// The median time in seconds between heartbeats of an idle host.
    pub heartbeat: f64,
}

impl Measurement {
    /// Restarts the instance on one host again and again, and listens to another, which is idle.
    pub fn take(lab: &Lab, busy_instance: &str, idle_host: &str) -> anyhow::Result<Self> {
        let mut orders = Vec::new();
        for _ in 0..ORDERS {
            let begin = Instant::now();
            lab.fleet_ok(&["instance", "restart", busy_instance])?;
            orders.push(begin.elapsed().as_secs_f64());
        }
        Ok(Self { order: median(&mut orders), heartbeat: heartbeat(lab, idle_host)? })
    }
}

/// The median gap between four heartbeats.
fn heartbeat(lab: &Lab, host: &str) -> anyhow::Result<f64> {
    let mut beats: Vec<u64> = Vec::new();
    while beats.len() < 4 {
        let heard = lab.until(&format!("a heartbeat of {host}"), |lab| {
            let hosts = lab.json(&["host", "ls", "-o", "json"]).ok()?;
            let found = list(&hosts, "hosts").iter().find(|found| found["name"] == host)?;
            let heard = found["heard_ms"].as_u64()?;
            (Some(&heard) != beats.last()).then_some(heard)
        })?;
        beats.push(heard);
        #[allow(clippy::disallowed_methods, reason = "the pause between two looks at a state")]
        std::thread::sleep(LOOK);
    }
    let mut gaps: Vec<f64> = beats.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1000.0).collect();
    Ok(median(&mut gaps))
}
