//! Complete environment of a command: no variables, a fixed clock, recorded streams.

use fleet_cli::{Environment, Input, Output};
use fleet_core::time::Time;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// 2026-11-20T06:00:00Z.
pub const NOW: u64 = 1_795_154_400_000;

pub struct TestEnvironment {
    folder: TempDir,
    stdin: String,
    is_terminal: bool,
    terminal: Option<(usize, usize)>,
}

impl TestEnvironment {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { folder, stdin: String::new(), is_terminal: false, terminal: None }
    }

    /// Sets the person's input.
    pub fn typing(mut self, text: &str) -> Self {
        (self.stdin, self.is_terminal) = (text.to_owned(), true);
        self
    }

    /// Sets the input through a pipe.
    pub fn piping(mut self, text: &str) -> Self {
        (self.stdin, self.is_terminal) = (text.to_owned(), false);
        self
    }

    pub fn on_a_terminal(mut self, width: usize, height: usize) -> Self {
        self.terminal = Some((width, height));
        self
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Runs a command line, whose words are separated by spaces.
    pub fn run(&self, line: &str) -> CommandOutput {
        let line = line.replace("FOLDER", &self.path().display().to_string());
        let words: Vec<_> = line.split(' ').map(|word| word.replace('~', " ").into()).collect();
        self.run_words(&words)
    }

    /// Runs a command of any words.
    pub fn run_words(&self, words: &[OsString]) -> CommandOutput {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let output = |kept: &Kept| Output { writer: Box::new(kept.clone()), terminal: self.terminal };
        let environment = Environment {
            folder: Some(self.path().join("config")),
            name: None,
            stdin: Input {
                reader: Mutex::new(Box::new(Cursor::new(self.stdin.clone().into_bytes()))),
                is_terminal: self.is_terminal,
            },
            stdout: output(&stdout),
            stderr: output(&stderr),
            colour: false,
            clock: || Time(NOW),
            worker: Some(env!("CARGO_BIN_EXE_fleet").into()),
        };
        let status = fleet_cli::run(words, environment);
        let clean = |kept: &Kept| kept.text().replace(&self.path().display().to_string(), "FOLDER");
        CommandOutput { code: status.code(), stdout: clean(&stdout), stderr: clean(&stderr) }
    }
}

/// Output of a command.
#[must_use = "either snapshot what was told or check it"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// All three in one text; the port of the fake coordinator is left out.
    pub fn text(&self) -> String {
        let part = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("\n{name}:\n{text}") };
        let text = format!("exit {}{}{}", self.code, part("stdout", &self.stdout), part("stderr", &self.stderr));
        without_ports(text.trim_end())
    }

    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }
}

fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        format!("{all}127.0.0.1:PORT{}", part.trim_start_matches(|c: char| c.is_ascii_digit()))
    })
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panicked").clone()).expect("what is told is text")
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
