//! Our own programs as child processes: their paths, their resources, and their end.

use anyhow::{Context, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program of ours, built with the same profile as the caller.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folders = here.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("could not find `{name}` beside {}: build the workspace first", here.display()))
}

/// A running program that ends, with its children unasked, when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it and waits for a line on stderr that contains `ready`; the rest of stderr is dropped or passed on.
    pub fn start(command: &mut Command, ready: &str, patience: Duration) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let process = Self { child };
        let (tell, shown) = std::sync::mpsc::channel();
        let awaited = ready.to_owned();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if std::env::var_os("FLEET_TEST_SHOW").is_some() {
                    #[allow(clippy::print_stderr, reason = "asked for by whoever debugs")]
                    {
                        eprintln!("{line}");
                    }
                }
                if line.contains(&awaited) {
                    tell.send(()).ok();
                }
            }
        });
        match shown.recv_timeout(patience) {
            Ok(()) => Ok(process),
            Err(_) => bail!("the program did not say `{ready}` in {patience:?}"),
        }
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes, by `/proc/PID/statm`.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.id()))?;
        let pages: u64 = text.split(' ').nth(1).context("statm has two fields")?.parse()?;
        Ok(pages * 4096)
    }

    /// Processor time used so far, user and system, by `/proc/PID/stat` in ticks of 10 ms.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let after_name = text.rsplit_once(')').context("stat names the program")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Polls until the answer is there; fails with the description of the awaited state.
pub fn wait_until<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if start.elapsed() > patience {
            bail!("waited {patience:?} in vain for {what}");
        }
        #[allow(clippy::disallowed_methods, reason = "the pause between two looks at a state")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command to its end and returns its standard output; fails with its error output.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A path as text, for command lines.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
