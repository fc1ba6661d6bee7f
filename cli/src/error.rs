//! What a person is told when something did not work: what failed, why, and what to do next.

use crate::exit::ExitStatus;
use crate::format::one_line;
use std::error::Error;
use std::fmt;

/// The kind alone decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Refused, for the plan that was agreed to is another one now.
    PlanChanged,
    /// The fleet said no, or this machine did.
    Refused,
    /// The command line is wrong.
    Misused,
    /// The coordinator cannot be reached.
    Unreachable,
    /// Whoever read the answer has gone: nothing to say, to nobody.
    NobodyReads,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    kind: ErrorKind,
    what: String,
    because: Option<String>,
    hint: Option<String>,
}

impl CommandError {
    pub fn refused(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Refused, &what)
    }

    pub fn misused(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Misused, &what)
    }

    pub fn unreachable(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unreachable, &what)
    }

    pub fn nobody_reads() -> Self {
        Self::new(ErrorKind::NobodyReads, &"")
    }

    fn new(kind: ErrorKind, what: &dyn fmt::Display) -> Self {
        Self { kind, what: one_line(&what.to_string()), because: None, hint: None }
    }

    #[must_use]
    pub fn because(mut self, because: impl fmt::Display) -> Self {
        self.because = Some(one_line(&because.to_string()));
        self
    }

    /// The reason is an error with its whole chain of sources.
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

    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    /// The same, for a plan that is another one now.
    #[must_use]
    pub fn plan_changed(self) -> Self {
        Self { kind: ErrorKind::PlanChanged, ..self }
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn cause(&self) -> Option<&str> {
        self.because.as_deref().filter(|text| !text.is_empty())
    }

    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref().filter(|text| !text.is_empty())
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn is_silent(&self) -> bool {
        self.kind == ErrorKind::NobodyReads
    }

    pub fn status(&self) -> ExitStatus {
        match self.kind {
            ErrorKind::Refused | ErrorKind::PlanChanged => ExitStatus::Refused,
            ErrorKind::Misused => ExitStatus::Misused,
            ErrorKind::Unreachable => ExitStatus::Unreachable,
            ErrorKind::NobodyReads => ExitStatus::Done,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for CommandError {}
