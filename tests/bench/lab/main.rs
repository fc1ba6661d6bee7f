//! Figures that need real lab servers: an idle agent's memory and processor time, the overhead of a rollout of three
//! servers at once, and the effect of one host's trouble on the others.

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
