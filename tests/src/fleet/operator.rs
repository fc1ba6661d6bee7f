//! A person at a machine with the `fleet` command.

use super::command_output::{CommandOutput, Kept};
use super::{PATIENCE, now, worker};
use crate::process::wait_until;
use fleet_cli::{Environment, Input, Output};
use fleet_link::Identity;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

/// An operator with a machine of their own.
#[derive(Debug, Clone)]
pub struct Operator {
    folder: PathBuf,
}

impl Operator {
    /// Makes an operator who is not logged in.
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder can be made");
        Self { folder: folder.to_owned() }
    }

    /// Returns the file of the login.
    pub fn identity_file(&self) -> PathBuf {
        self.folder.join("default/identity.json")
    }

    /// Returns the identity of the login.
    pub fn identity(&self) -> Identity {
        Identity::load(&self.identity_file()).expect("somebody is logged in")
    }

    /// Runs a command line, whose words are separated by spaces; `~` is a space within a word.
    #[track_caller]
    pub fn run(&self, line: &str) -> CommandOutput {
        self.piping("", line)
    }

    /// The same with something on standard input.
    #[track_caller]
    pub fn piping(&self, input: &str, line: &str) -> CommandOutput {
        self.begin(input, line).finish()
    }

    /// Runs a command line, asserts that it succeeds, and returns its output.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        let shown = self.run(line);
        assert_eq!(shown.code, 0, "{}", shown.text());
        shown.stdout
    }

    /// Runs a command line and asserts that the fleet refuses it.
    #[track_caller]
    pub fn refused(&self, line: &str) -> CommandOutput {
        let shown = self.run(line);
        assert_eq!(shown.code, 1, "{}", shown.text());
        assert!(shown.stderr.lines().count() >= 2, "an error has a reason or a hint: {}", shown.text());
        shown
    }

    /// Runs a command line and returns its output as JSON.
    #[track_caller]
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} -o json"))).expect("it is JSON")
    }

    /// Starts a command that runs in parallel to the story.
    pub fn start(&self, line: &str) -> Ongoing {
        self.begin("", line)
    }

    fn begin(&self, input: &str, line: &str) -> Ongoing {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let (environment, all) = (self.environment(input, &stdout, &stderr), words(line));
        let thread = std::thread::spawn(move || fleet_cli::run(&all, environment).code());
        Ongoing { line: line.to_owned(), stdout, stderr, thread }
    }

    fn environment(&self, input: &str, stdout: &Kept, stderr: &Kept) -> Environment {
        let output = |kept: &Kept| Output { writer: Box::new(kept.clone()), terminal: None };
        let reader = Mutex::new(Box::new(Cursor::new(input.to_owned().into_bytes())) as Box<_>);
        Environment {
            folder: Some(self.folder.clone()),
            name: None,
            stdin: Input { reader, is_terminal: false },
            stdout: output(stdout),
            stderr: output(stderr),
            colour: false,
            clock: now,
            worker: Some(worker()),
        }
    }
}

/// A running command.
#[derive(Debug)]
pub struct Ongoing {
    line: String,
    stdout: Kept,
    stderr: Kept,
    thread: JoinHandle<u8>,
}

impl Ongoing {
    /// Returns whether the command has ended.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Returns its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Waits until it has said something, on either stream.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let said = || format!("{}{}", self.stdout.text(), self.stderr.text());
        let found = wait_until(text, PATIENCE, || said().contains(text).then_some(()));
        assert!(found.is_ok(), "`fleet {}` did not say `{text}`, but:\n{}", self.line, said());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(self) -> CommandOutput {
        let over = wait_until("its end", PATIENCE, || self.thread.is_finished().then_some(()));
        assert!(over.is_ok(), "`fleet {}` goes on:\n{}{}", self.line, self.stdout.text(), self.stderr.text());
        let code = self.thread.join().expect("the command does not panic");
        CommandOutput::new(&self.line, code, &self.stdout, &self.stderr)
    }
}

fn words(line: &str) -> Vec<OsString> {
    let given = line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('~', " ").into());
    std::iter::once("fleet".into()).chain(given).collect()
}
