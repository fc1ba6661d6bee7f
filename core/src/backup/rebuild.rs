//! The command that makes a derivable store anew from the others, after these were restored.

use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One command in a service, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    pub service: String,
    pub command: Vec<String>,
    /// It is ended when it has taken this long.
    pub limit: Period,
}

impl Rebuild {
    /// What it may take where the app does not say.
    pub const USUAL: Period = Period::from_secs(30 * 60);
    /// The longest that an app may say.
    pub const LONGEST: Period = Period::from_secs(24 * 3600);
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.command.join(" ");
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        write!(f, "`{line}` in {}", self.service)
    }
}
