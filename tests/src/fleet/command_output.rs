//! Output of a command.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Result of a command line.
#[must_use = "either look at what was told or check its code"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// The command line.
    pub line: String,
    /// Exit code.
    pub code: u8,
    /// Text on standard output.
    pub stdout: String,
    /// Text on standard error.
    pub stderr: String,
}

impl CommandOutput {
    pub(super) fn new(line: &str, code: u8, stdout: &Kept, stderr: &Kept) -> Self {
        Self { line: line.to_owned(), code, stdout: stdout.text(), stderr: stderr.text() }
    }

    /// Returns everything in one text, for finding a fault.
    pub fn text(&self) -> String {
        format!("$ fleet {}\nexit {}\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }

    /// Asserts that the text is on either stream.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let is_said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(is_said, "`{text}` is not in:\n{}", self.text());
        self
    }

    /// Asserts that a hint contains the text.
    #[track_caller]
    pub fn hints(&self, text: &str) -> &Self {
        let hint = self.stderr.lines().rev().find_map(|line| line.strip_prefix("hint: "));
        assert!(hint.is_some_and(|hint| hint.contains(text)), "no hint says `{text}`:\n{}", self.text());
        self
    }

    /// The story with its times as `TIME`, line by line.
    pub fn story(&self) -> String {
        self.stderr.lines().map(without_time).collect::<Vec<_>>().join("\n")
    }
}

/// A line whose leading `HH:MM:SS` is left out.
fn without_time(line: &str) -> String {
    let is_time =
        line.len() > 8 && line.is_char_boundary(8) && line.as_bytes()[2] == b':' && line.as_bytes()[5] == b':';
    if is_time { format!("TIME{}", &line[8..]) } else { line.to_owned() }
}

/// A stream that is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
