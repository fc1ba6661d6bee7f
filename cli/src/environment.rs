//! Environment of a command: its files, its streams and its clock. Tests bring their own.

use fleet_core::time::Time;
use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Files, streams and clock of a command.
pub struct Environment {
    /// The folder of all contexts; absent when neither `FLEET_CONFIG` nor a home is known.
    pub folder: Option<PathBuf>,
    /// The context that `FLEET_CONTEXT` names.
    pub name: Option<String>,
    /// Standard input.
    pub stdin: Input,
    /// Standard output: the answer.
    pub stdout: Output,
    /// Standard error: progress and diagnostics.
    pub stderr: Output,
    /// Colours may be used on terminals.
    pub colour: bool,
    /// Clock of this machine.
    pub clock: fn() -> Time,
    /// The program that renders in processes of its own; without, this very program.
    pub worker: Option<PathBuf>,
}

/// Standard input.
pub struct Input {
    /// Source of the bytes.
    pub reader: Mutex<Box<dyn BufRead + Send>>,
    /// True where a person can be asked.
    pub is_terminal: bool,
}

/// Standard output or standard error.
pub struct Output {
    /// Sink of the bytes.
    pub writer: Box<dyn Write + Send>,
    /// Its width and height, if it is a terminal.
    pub terminal: Option<(usize, usize)>,
}

impl Environment {
    /// Returns the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_colourless = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (stdout_size, stderr_size) = (size_of(&out), if is_dumb { None } else { size_of(&err) });
        Self {
            folder: config_folder(),
            name: env::var("FLEET_CONTEXT").ok().filter(|name| !name.is_empty()),
            stdin: Input {
                reader: Mutex::new(Box::new(BufReader::new(io::stdin()))),
                is_terminal: io::stdin().is_terminal(),
            },
            stdout: Output { writer: Box::new(out), terminal: stdout_size },
            stderr: Output { writer: Box::new(err), terminal: stderr_size },
            colour: !is_dumb && !is_colourless,
            clock: system_time,
            worker: None,
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

/// `FLEET_CONFIG`, or `fleet` in the user's folder for configuration.
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = variable("FLEET_CONFIG");
    let shared = || variable("XDG_CONFIG_HOME").map(|folder| folder.join("fleet"));
    own.or_else(shared).or_else(|| variable("HOME").map(|home| home.join(".config/fleet")))
}

/// The machine's clock.
#[must_use]
pub fn system_time() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn size_of(stream: &impl TerminalStream) -> Option<(usize, usize)> {
    let (width, height) = stream.is_terminal().then(|| stream.size()).flatten().unwrap_or((80, 24));
    stream.is_terminal().then_some((width, height))
}

/// A standard stream whose size can be asked.
trait TerminalStream: IsTerminal {
    fn size(&self) -> Option<(usize, usize)>;
}

impl TerminalStream for io::Stdout {
    fn size(&self) -> Option<(usize, usize)> {
        terminal_size::terminal_size_of(self).map(|(width, height)| (width.0.into(), height.0.into()))
    }
}

impl TerminalStream for io::Stderr {
    fn size(&self) -> Option<(usize, usize)> {
        terminal_size::terminal_size_of(self).map(|(width, height)| (width.0.into(), height.0.into()))
    }
}
