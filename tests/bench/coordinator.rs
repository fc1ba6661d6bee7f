//! A coordinator of a bench's own, in a process of its own.

use anyhow::Context;
use fleet_tests::process::{Process, output, program};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Makes a coordinator, and gives the token of its first operator.
pub fn init(folder: &Path, address: &str) -> anyhow::Result<String> {
    let mut init = Command::new(program("fleet-coordinator")?);
    let text = output(init.arg("init").arg("--data-dir").arg(folder.join("data")).args(["--address", address]))?;
    let token = text.split_whitespace().find(|word| word.starts_with("fleet1."));
    token.map(str::to_owned).with_context(|| format!("`init` printed no token: {text}"))
}

pub fn serve(folder: &Path) -> anyhow::Result<Process> {
    let mut serve = Command::new(program("fleet-coordinator")?);
    serve.arg("serve").arg("--data-dir").arg(folder.join("data"));
    Process::start(&mut serve, "serving", Duration::from_secs(20))
}
