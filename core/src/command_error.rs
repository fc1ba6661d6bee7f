//! Error of a program for people: the failure, its cause, and the next action. One type for all programs.

use crate::plain_text::one_line;
use std::error::Error;
use std::fmt;

/// Kind of a failure, for programs: it alone decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The plan that was agreed to is another one now.
    PlanChanged,
    /// The fleet said no, or this machine did.
    Refused,
    /// The command line is wrong.
    Misused,
    /// The coordinator cannot be reached.
    Unreachable,
    /// The reader of the output has gone: nothing can be printed.
    NobodyReads,
}

impl ErrorKind {
    /// Returns the exit code of the process.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::NobodyReads => 0,
            Self::Refused | Self::PlanChanged => 1,
            Self::Misused => 2,
            Self::Unreachable => 3,
        }
    }
}

/// Failure of a command, in at most three lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    kind: ErrorKind,
    what: String,
    because: Option<String>,
    hint: Option<String>,
}

impl CommandError {
    /// Makes the error of a refusal by the fleet or this machine.
    pub fn refused(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Refused, &what)
    }

    /// Makes the error of an invalid command line.
    pub fn misused(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Misused, &what)
    }

    /// Makes an error of a coordinator that cannot be reached.
    pub fn unreachable(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unreachable, &what)
    }

    /// Makes an error that is not printed.
    pub fn nobody_reads() -> Self {
        Self::new(ErrorKind::NobodyReads, &"")
    }

    fn new(kind: ErrorKind, what: &dyn fmt::Display) -> Self {
        Self { kind, what: one_line(&what.to_string()), because: None, hint: None }
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, because: impl fmt::Display) -> Self {
        self.because = Some(one_line(&because.to_string()));
        self
    }

    /// Adds the reason: an error with its whole chain of sources.
    #[must_use]
    pub fn because_of(self, source: &dyn Error) -> Self {
        let mut chain = source.to_string();
        let mut deeper = source.source();
        while let Some(error) = deeper {
            let text = error.to_string();
            if !chain.contains(&text) {
                chain.push_str(&format!(": {text}"));
            }
            deeper = error.source();
        }
        self.because(chain)
    }

    /// Leaves out the name of the attempt where the reason begins with it: once is enough.
    #[must_use]
    pub fn said_once(mut self, attempt: &str) -> Self {
        let once = |reason: &String| Some(reason.strip_prefix(attempt)?.strip_prefix(": ")?.to_owned());
        self.because = self.because.map(|reason| once(&reason).unwrap_or(reason));
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    /// Changes the kind to that of a plan that is another one now.
    #[must_use]
    pub fn plan_changed(self) -> Self {
        Self { kind: ErrorKind::PlanChanged, ..self }
    }

    /// Returns the failed action.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns the reason.
    pub fn cause(&self) -> Option<&str> {
        self.because.as_deref().filter(|text| !text.is_empty())
    }

    /// Returns the hint.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref().filter(|text| !text.is_empty())
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the error is not printed.
    pub fn is_silent(&self) -> bool {
        self.kind == ErrorKind::NobodyReads
    }

    /// Returns the three lines, without colours.
    pub fn lines(&self) -> String {
        let because = self.cause().map(|because| format!("\n  because {because}"));
        let hint = self.advice().map(|hint| format!("\nhint: {hint}"));
        format!("error: {}{}{}", self.what, because.unwrap_or_default(), hint.unwrap_or_default())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for CommandError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_three_lines_at_most_and_each_stays_one() {
        let error = CommandError::unreachable("could not join").because("could not join: nobody\nanswers");
        assert_eq!(
            error.clone().said_once("could not join").lines(),
            "error: could not join\n  because nobody; answers"
        );
        assert_eq!((error.hint("try again").lines().lines().count(), ErrorKind::Unreachable.exit_code()), (3, 3));
        assert_eq!(CommandError::misused("x").because("").lines(), "error: x");
    }
}
