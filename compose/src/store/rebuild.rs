//! Command that rebuilds a derivable store from the others, after these were restored.

use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One command in a service, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// Compose service in whose container the command runs.
    pub service: String,
    /// Words of the command.
    pub command: Vec<String>,
    /// Maximum duration, after which it is killed.
    pub limit: Period,
}

impl Rebuild {
    /// Default maximum duration.
    pub const USUAL: Period = Period::from_secs(30 * 60);
    /// Maximum time limit that an app may set.
    pub const LONGEST: Period = Period::from_secs(24 * 3600);
}

impl Rebuild {
    /// Returns its command in one line.
    pub fn line(&self) -> String {
        self.command.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
    }
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in {}", self.line(), self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line() {
        let command = vec!["reindex".to_owned(), "--from\nscratch".to_owned()];
        let rebuild = Rebuild { service: "app".to_owned(), command, limit: Rebuild::USUAL };
        assert_eq!(rebuild.to_string(), "`reindex --from scratch` in app");
    }
}
