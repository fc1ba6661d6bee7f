//! All text passes here: the answer to stdout, progress to stderr.

use crate::environment::Output;
use crate::painted::{Colour, Painted};
use fleet_core::command_error::CommandError;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Printer {
    stdout: Mutex<Output>,
    stderr: Mutex<Output>,
    colour: bool,
    is_quiet: bool,
    /// Number of rows at the end of the terminal that may be overwritten, because nothing was printed since.
    movable: AtomicUsize,
}

impl Printer {
    #[must_use]
    pub fn new(stdout: Output, stderr: Output, colour: bool) -> Self {
        let (stdout, stderr) = (Mutex::new(stdout), Mutex::new(stderr));
        Self { stdout, stderr, colour, is_quiet: false, movable: AtomicUsize::new(0) }
    }

    /// Turns progress output off or on; errors are always printed.
    #[must_use]
    pub fn quiet(mut self, is_quiet: bool) -> Self {
        self.is_quiet = is_quiet;
        self
    }

    /// Prints a line of the answer. It fails only if the output is closed.
    pub fn answer(&self, text: impl Into<Painted>) -> Result<(), CommandError> {
        let mut stdout = self.stdout();
        let in_colour = self.colour && stdout.terminal.is_some();
        write_line(&mut stdout, &text.into().text(in_colour))
    }

    /// A piece of the answer for a program: nothing is shortened.
    pub fn answer_data(&self, text: &str) -> Result<(), CommandError> {
        write_line(&mut self.stdout(), &crate::format::clean(text.trim_end()))
    }

    /// A line of the answer in which a container's colours stay, if this is a terminal that shows them.
    pub fn answer_log(&self, text: &str) -> Result<(), CommandError> {
        let mut stdout = self.stdout();
        let in_colour = self.colour && stdout.terminal.is_some();
        let text = if in_colour { crate::format::clean_but_colours(text) } else { crate::format::clean(text) };
        write_line(&mut stdout, &text)
    }

    /// A text of our own making for a machine, as it is.
    pub fn answer_script(&self, text: &str) -> Result<(), CommandError> {
        write_line(&mut self.stdout(), text.trim_end())
    }

    /// Returns standard output. It may share the terminal with the progress output, whose lines stay then.
    fn stdout(&self) -> MutexGuard<'_, Output> {
        self.movable.store(0, Ordering::Relaxed);
        locked(&self.stdout)
    }

    /// A line of the story.
    pub fn story(&self, text: impl Into<Painted>) {
        if !self.is_quiet {
            self.tell(text);
        }
    }

    /// Prints a line even if quiet: a question or an error.
    pub fn tell(&self, text: impl Into<Painted>) {
        let mut stderr = locked(&self.stderr);
        let in_colour = self.colour && stderr.terminal.is_some();
        self.movable.store(0, Ordering::Relaxed);
        // The loss of stderr cannot be reported anywhere.
        let _ = write_line(&mut stderr, &text.into().text(in_colour));
    }

    /// A question: its answer is written on the same line.
    pub fn ask(&self, text: &str) {
        self.movable.store(0, Ordering::Relaxed);
        let mut stderr = locked(&self.stderr);
        let text = Painted::plain(text).text(false);
        let _ = stderr.writer.write_all(text.as_bytes()).and_then(|()| stderr.writer.flush());
    }

    /// Prints a line of progress that may be overwritten by its successor on a terminal.
    pub fn story_that_moves(&self, text: impl Into<Painted>) {
        match self.story_terminal() {
            Some((width, _)) => {
                self.movable.store(0, Ordering::Relaxed);
                self.draw(&[text.into()], width);
            }
            None => self.story(text),
        }
    }

    /// Replaces the last line of progress. Without a terminal, nothing is printed.
    pub fn story_moved(&self, text: impl Into<Painted>) {
        if let Some((width, _)) = self.story_terminal() {
            self.draw(&[text.into()], width);
        }
    }

    /// Writes lines over the ones of the last call, each in one row. For terminals only.
    pub fn redraw(&self, lines: &[Painted]) {
        let width = self.story_terminal().map_or(80, |(width, _)| width);
        let lines: Vec<Painted> = lines.iter().map(|line| line.clone().cut(width.saturating_sub(1))).collect();
        self.draw(&lines, width);
    }

    fn draw(&self, lines: &[Painted], width: usize) {
        let mut stderr = locked(&self.stderr);
        let rows = lines.iter().map(|line| line.rows(width)).sum();
        let mut text = match self.movable.swap(rows, Ordering::Relaxed) {
            0 => String::new(),
            before => format!("\x1b[{before}F\x1b[J"),
        };
        for line in lines {
            text.push_str(&line.text(self.colour));
            text.push('\n');
        }
        let _ = stderr.writer.write_all(text.as_bytes()).and_then(|()| stderr.writer.flush());
    }

    /// Prints the failure, its cause and the hint, in at most three lines.
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

    /// Returns the size of the terminal for progress output; none in a pipe or if it is off.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(terminal: Option<(usize, usize)>, tell: impl FnOnce(&Printer)) -> String {
        let kept = Kept::default();
        let output = || Output { writer: Box::new(kept.clone()), terminal };
        tell(&Printer::new(output(), output(), false));
        let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8_lossy(&bytes).replace('\u{1b}', "ESC")
    }

    #[test]
    fn nothing_is_written_over_but_what_moves() {
        let screen = Some((20, 24));
        let line = |printer: &Printer| printer.story_that_moves("pull");
        for between in [
            (|printer| printer.story("x")) as fn(&Printer),
            |printer| printer.tell("x"),
            |printer| drop(printer.answer("x")),
            |printer| drop(printer.answer_data("x")),
        ] {
            let text = shown(screen, |printer| {
                line(printer);
                between(printer);
                printer.story_moved("pull (1)");
                printer.story_moved("pull (2)");
                line(printer);
            });
            assert_eq!(text, "pull\nx\npull (1)\nESC[1FESC[Jpull (2)\npull\n");
        }
    }

    #[test]
    fn a_board_is_not_drawn_over_what_was_told_since() {
        let text = shown(Some((20, 24)), |printer| {
            printer.redraw(&["a".into(), "b".into()]);
            printer.redraw(&["c".into()]);
            printer.story("trying again");
            printer.redraw(&["d".into()]);
        });
        assert_eq!(text, "a\nb\nESC[2FESC[Jc\ntrying again\nd\n");
    }

    #[test]
    fn what_moves_is_told_once_where_there_is_no_terminal() {
        let text = shown(None, |printer| {
            printer.story_that_moves("pull");
            printer.story_moved("pull (1)");
        });
        assert_eq!(text, "pull\n");
    }
}
