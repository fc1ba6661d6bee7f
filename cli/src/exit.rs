//! End of a command and its exit code.

use fleet_core::command_error::{CommandError, ErrorKind};
use std::process::ExitCode;

/// End of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The request was carried out.
    Done,
    /// The fleet refused the request, or it failed.
    Refused,
    /// The command line is wrong.
    Misused,
    /// The coordinator cannot be reached.
    Unreachable,
    /// Ctrl-C: the started work continues without the command.
    Left,
}

impl ExitStatus {
    /// Returns the exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Misused => 2,
            Self::Unreachable => 3,
            Self::Left => 130,
        }
    }
}

impl From<&CommandError> for ExitStatus {
    fn from(error: &CommandError) -> Self {
        match error.kind() {
            ErrorKind::Refused | ErrorKind::PlanChanged => Self::Refused,
            ErrorKind::Misused => Self::Misused,
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::NobodyReads => Self::Done,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
