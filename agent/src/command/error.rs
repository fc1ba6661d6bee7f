//! What went wrong, in at most three lines, and the exit code that says so to programs.

use fleet_link::LinkError;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

const REFUSED: u8 = 1;
const MISUSED: u8 = 2;
const UNREACHABLE: u8 = 3;

#[derive(Debug)]
pub struct CommandError {
    what: String,
    because: Option<String>,
    hint: Option<String>,
    code: u8,
}

impl CommandError {
    pub fn refused(what: impl Into<String>) -> Self {
        Self { what: what.into(), because: None, hint: None, code: REFUSED }
    }

    /// What was given on the command line cannot be meant.
    pub fn misused(what: impl Into<String>) -> Self {
        Self { code: MISUSED, ..Self::refused(what) }
    }

    pub fn because(mut self, error: &dyn Error) -> Self {
        self.because = Some(crate::chain(error));
        self
    }

    /// Leaves out the name of the attempt where the reason begins with it: once is enough.
    pub fn said_once(mut self, attempt: &str) -> Self {
        let once = |reason: &String| Some(reason.strip_prefix(attempt)?.strip_prefix(": ")?.to_owned());
        self.because = self.because.map(|reason| once(&reason).unwrap_or(reason));
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error of the link says itself what to do about it.
    pub fn of_link(what: impl Into<String>, error: &LinkError) -> Self {
        let code = match error {
            LinkError::Unreachable { .. }
            | LinkError::TimedOut { .. }
            | LinkError::WrongCa { .. }
            | LinkError::ServerCertificateTime => UNREACHABLE,
            LinkError::Expired
            | LinkError::Revoked
            | LinkError::UnknownHere
            | LinkError::OtherProtocol { .. }
            | LinkError::Refused { .. }
            | LinkError::Failed(_)
            | LinkError::Key(_)
            | LinkError::BadAnswer(_) => REFUSED,
        };
        Self { hint: error.hint(), code, ..Self::refused(what).because(error) }
    }

    pub fn show(&self, to: &mut impl Write) -> ExitCode {
        let because = self.because.iter().map(|because| format!("\n  because {because}"));
        let hint = self.hint.iter().map(|hint| format!("\nhint: {hint}"));
        let text: String = because.chain(hint).collect();
        // Where stderr is gone, the exit code still speaks.
        let _ = writeln!(to, "error: {}{text}", self.what);
        ExitCode::from(self.code)
    }
}
