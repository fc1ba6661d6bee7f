//! All text passes here: the answer to stdout, the story to stderr.

use crate::environment::Output;
use crate::error::CommandError;
use crate::painted::{Colour, Painted};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Printer {
    stdout: Mutex<Output>,
    stderr: Mutex<Output>,
    colour: bool,
    is_quiet: bool,
}

impl Printer {
    #[must_use]
    pub fn new(stdout: Output, stderr: Output, colour: bool) -> Self {
        Self { stdout: Mutex::new(stdout), stderr: Mutex::new(stderr), colour, is_quiet: false }
    }

    /// Without the story, if so wished; errors are always shown.
    #[must_use]
    pub fn quiet(mut self, is_quiet: bool) -> Self {
        self.is_quiet = is_quiet;
        self
    }

    /// A line of the answer. It fails only when nobody reads any more.
    pub fn answer(&self, text: impl Into<Painted>) -> Result<(), CommandError> {
        let mut stdout = locked(&self.stdout);
        let in_colour = self.colour && stdout.terminal.is_some();
        write_line(&mut stdout, &text.into().text(in_colour))
    }

    /// A piece of the answer for a program: nothing is shortened.
    pub fn answer_data(&self, text: &str) -> Result<(), CommandError> {
        write_line(&mut locked(&self.stdout), &crate::words::clean(text.trim_end()))
    }

    /// A line of the answer in which a container's colours stay, if this is a terminal that shows them.
    pub fn answer_log(&self, text: &str) -> Result<(), CommandError> {
        let mut stdout = locked(&self.stdout);
        let in_colour = self.colour && stdout.terminal.is_some();
        let text = if in_colour { crate::words::clean_but_colours(text) } else { crate::words::clean(text) };
        write_line(&mut stdout, &text)
    }

    /// A text of our own making for a machine, as it is.
    pub fn answer_script(&self, text: &str) -> Result<(), CommandError> {
        write_line(&mut locked(&self.stdout), text.trim_end())
    }

    /// A line of the story.
    pub fn story(&self, text: impl Into<Painted>) {
        if !self.is_quiet {
            self.tell(text);
        }
    }

    /// A line that is told even when quiet: a question, an error.
    pub fn tell(&self, text: impl Into<Painted>) {
        let mut stderr = locked(&self.stderr);
        let in_colour = self.colour && stderr.terminal.is_some();
        // Nobody can be told that stderr is gone.
        let _ = write_line(&mut stderr, &text.into().text(in_colour));
    }

    /// A question: its answer is written on the same line.
    pub fn ask(&self, text: &str) {
        let mut stderr = locked(&self.stderr);
        let text = Painted::plain(text).text(false);
        let _ = stderr.writer.write_all(text.as_bytes()).and_then(|()| stderr.writer.flush());
    }

    /// Writes lines over the ones of the last call, of which there were `before`. For terminals only.
    pub fn redraw(&self, before: usize, lines: &[Painted]) {
        let mut stderr = locked(&self.stderr);
        let width = stderr.terminal.map_or(80, |(width, _)| width);
        let mut text = if before > 0 { format!("\x1b[{before}F\x1b[J") } else { String::new() };
        for line in lines {
            text.push_str(&line.clone().cut(width.saturating_sub(1)).text(self.colour));
            text.push('\n');
        }
        let _ = stderr.writer.write_all(text.as_bytes()).and_then(|()| stderr.writer.flush());
    }

    /// Says what failed, why, and what to do next, in at most three lines.
    pub fn error(&self, error: &CommandError) {
        if error.is_silent() {
            return;
        }
        self.tell(Painted::of(Colour::Red, "error:").and(format!(" {}", error.what())));
        if let Some(because) = error.cause() {
            self.tell(format!("  because {because}"));
        }
        if let Some(hint) = error.advice() {
            self.tell(Painted::of(Colour::Green, "hint:").and(format!(" {hint}")));
        }
    }

    /// The size of the terminal on which the story is told; none in a pipe or when the story is not told.
    pub fn story_terminal(&self) -> Option<(usize, usize)> {
        if self.is_quiet { None } else { locked(&self.stderr).terminal }
    }
}

fn locked(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_line(output: &mut Output, line: &str) -> Result<(), CommandError> {
    let written = output.writer.write_all(format!("{line}\n").as_bytes()).and_then(|()| output.writer.flush());
    match written {
        Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Err(CommandError::nobody_reads()),
        Err(source) => Err(CommandError::refused("could not write the answer").because(source)),
        Ok(()) => Ok(()),
    }
}
