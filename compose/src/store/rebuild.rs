//! Command that rebuilds a derivable store from the others, after these were restored.

use crate::names::StoreName;
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// Its command in one line, for people.
    fn line(&self) -> String {
        self.command.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
    }
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in {}", self.line(), self.service)
    }
}

/// Returns the rebuilds after a restore, one line for each store, for people.
pub fn rebuild_lines(rebuilds: &BTreeMap<StoreName, Rebuild>) -> Vec<String> {
    let line = |(name, rebuild): (&StoreName, &Rebuild)| {
        let Rebuild { service, command: _, limit } = rebuild;
        format!("rebuilds `{name}` in `{service}`: command `{}`, at most {limit}", rebuild.line())
    };
    rebuilds.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_restore_is_said_with_its_command_and_its_limit() {
        let command = vec!["reindex".to_owned(), "--from\nscratch".to_owned()];
        let rebuild = Rebuild { service: "app".to_owned(), command, limit: Rebuild::USUAL };
        let rebuilds = [("index".parse().expect("a name"), rebuild)].into();
        let expect = "rebuilds `index` in `app`: command `reindex --from scratch`, at most 30m";
        assert_eq!(rebuild_lines(&rebuilds), [expect]);
    }
}
