//! Work on a file or a folder of a host.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Work on a file or a folder. Earlier versions had it as a phrase, such as `look at`; the names of most are the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FileStep {
    /// Reads it.
    Read,
    /// Writes it.
    Write,
    /// Looks at it.
    LookAt,
    /// Makes it.
    Make,
    /// Measures it.
    Measure,
    /// Copies it.
    Copy,
    /// Compares it with its copy.
    Compare,
    /// Completes a copy.
    Complete,
    /// Waits until it is on the disk.
    Flush,
    /// Puts files into it.
    Fill,
    /// Moves it aside.
    MoveAside,
    /// Puts it back.
    PutBack,
    /// Removes it.
    Remove,
    /// Name, or a phrase after "could not", that is not known here.
    Other(String),
}

impl FileStep {
    const KNOWN: [(Self, &str); 13] = [
        (Self::Read, "read"),
        (Self::Write, "write"),
        (Self::LookAt, "look at"),
        (Self::Make, "make"),
        (Self::Measure, "measure"),
        (Self::Copy, "copy"),
        (Self::Compare, "compare"),
        (Self::Complete, "complete"),
        (Self::Flush, "flush"),
        (Self::Fill, "fill"),
        (Self::MoveAside, "move aside"),
        (Self::PutBack, "put back"),
        (Self::Remove, "remove"),
    ];
}

impl From<String> for FileStep {
    fn from(name: String) -> Self {
        let known = Self::KNOWN.into_iter().find(|(_, known)| *known == name);
        known.map_or(Self::Other(name), |(step, _)| step)
    }
}

impl From<FileStep> for String {
    fn from(step: FileStep) -> Self {
        step.to_string()
    }
}

impl fmt::Display for FileStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::LookAt => "look at",
            Self::Make => "make",
            Self::Measure => "measure",
            Self::Copy => "copy",
            Self::Compare => "compare",
            Self::Complete => "complete",
            Self::Flush => "flush",
            Self::Fill => "fill",
            Self::MoveAside => "move aside",
            Self::PutBack => "put back",
            Self::Remove => "remove",
            Self::Other(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_read_as_it_was_written() {
        for (step, name) in FileStep::KNOWN {
            assert_eq!(String::from(step.clone()), name);
            assert_eq!(FileStep::from(name.to_owned()), step);
        }
        assert_eq!(FileStep::from("fold".to_owned()).to_string(), "fold");
    }
}
