//! Figures that need real lab servers: an idle agent's memory and processor time, what orchestration adds to a rollout of
//! three servers at once, and what one host's trouble does to the others.

mod blast;
mod idle;
mod measurement;
mod rollout;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("blast") => blast::measure(),
        Some("idle-agent") => idle::measure(),
        Some("rollout") => rollout::measure(),
        Some(_) | None => bail!("say what to measure: blast, idle-agent or rollout"),
    }
}
