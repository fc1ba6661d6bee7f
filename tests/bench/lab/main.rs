//! Figures that need real lab servers: an idle agent's memory and processor time, and what orchestration adds to a
//! rollout of three servers at once.

mod idle;
mod rollout;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("idle-agent") => idle::measure(),
        Some("rollout") => rollout::measure(),
        Some(_) | None => bail!("say what to measure: idle-agent or rollout"),
    }
}
