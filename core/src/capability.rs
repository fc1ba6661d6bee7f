//! Capabilities that agents got after protocol 2, and the features that need them.
//!
//! All actions, keys of `app.yaml` and engines of protocol 2 are in every agent that supports it, and have no name
//! here. Each later one gets a row in one of the tables below. An agent reports its rows, and an instance whose host
//! lacks one waits for that reason, instead of getting an order that its agent would refuse or misread.

use crate::app::{AppDefinition, Upgrades};
use crate::order::Action;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The longest name of a capability.
const NAME_LIMIT: usize = 64;
/// The most capabilities that one agent may report.
const COUNT_LIMIT: usize = 1024;

/// Name of an ability, as `action:NAME`, `key:PATH` or `engine:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capability(String);

impl Capability {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Capability {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A row of a table: the name of a capability, and whether something needs it.
struct Later<T: 'static> {
    name: &'static str,
    is_needed: fn(&T) -> bool,
}

/// Keys and engines that came after protocol 2.
const OF_APPS: &[Later<AppDefinition>] = &[
    Later { name: "key:upgrades", is_needed: |app| app.upgrades.is_some() },
    Later {
        name: "key:upgrades.compare",
        is_needed: |app| app.upgrades.as_ref().is_some_and(Upgrades::has_comparison),
    },
    Later { name: "key:upgrades.run", is_needed: |app| app.upgrades.as_ref().is_some_and(Upgrades::has_actions) },
];

/// Actions and fields of them that came after protocol 2.
const OF_ACTIONS: &[Later<Action>] = &[
    Later {
        name: "action:upgrade-backup",
        is_needed: |action| matches!(action, Action::Upgrade { backup, .. } if !backup.is_empty()),
    },
    Later {
        name: "action:upgrade-through",
        is_needed: |action| matches!(action, Action::Upgrade { through, .. } if !through.is_empty()),
    },
    Later {
        name: "action:restore-release",
        is_needed: |action| action.data().is_some_and(|data| data.return_to().is_some()),
    },
];

/// Returns the capabilities of this version, for its agent to report.
pub fn own() -> BTreeSet<Capability> {
    OF_APPS.iter().map(|row| row.name).chain(OF_ACTIONS.iter().map(|row| row.name)).map(Capability::from).collect()
}

/// Returns the capabilities that an agent needs for the instances of an app.
pub fn needed_by_app(app: &AppDefinition) -> BTreeSet<Capability> {
    needed(OF_APPS, app)
}

/// Returns the capabilities that an agent needs for an action, apart from those of its release.
pub fn needed_by_action(action: &Action) -> BTreeSet<Capability> {
    needed(OF_ACTIONS, action)
}

fn needed<T>(table: &[Later<T>], of: &T) -> BTreeSet<Capability> {
    table.iter().filter(|row| (row.is_needed)(of)).map(|row| Capability::from(row.name)).collect()
}

/// Parses the names that an agent reports. Invalid names are left out.
pub fn reported(names: &[String]) -> BTreeSet<Capability> {
    let is_name = |name: &&String| {
        !name.is_empty() && name.len() <= NAME_LIMIT && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    names.iter().filter(is_name).take(COUNT_LIMIT).map(|name| Capability::from(name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_what_needs_it() {
        let pretended: [Later<u32>; 2] = [
            Later { name: "key:even", is_needed: |it| it % 2 == 0 },
            Later { name: "key:large", is_needed: |it| *it > 9 },
        ];
        let needed = |of| needed(&pretended, &of).into_iter().map(|it| it.to_string()).collect::<Vec<_>>();
        assert_eq!(needed(3), [""; 0]);
        assert_eq!(needed(4), ["key:even"]);
        assert_eq!(needed(10), ["key:even", "key:large"]);
    }

    #[test]
    fn a_release_that_compares_numbers_needs_agents_that_know_the_key() {
        let needs = |upgrades: &str| {
            let app: AppDefinition =
                serde_json::from_str(&format!(r#"{{ "app": "demo", {upgrades} }}"#)).expect("an app");
            needed_by_app(&app).into_iter().map(|it| it.to_string()).collect::<Vec<_>>()
        };
        let edge = |compare: &str| format!(r#""upgrades": {{ "edges": [{{ "from": "<2", "to": ">=2" {compare} }}] }}"#);
        assert_eq!(needs(r#""title": "Demo""#), [""; 0]);
        assert_eq!(needs(&edge("")), ["key:upgrades"]);
        assert_eq!(needs(&edge(r#", "compare": {}"#)), ["key:upgrades"]);
        let compare = r#", "compare": { "db": { "notes": "equal" } }"#;
        assert_eq!(needs(&edge(compare)), ["key:upgrades", "key:upgrades.compare"]);
        assert_eq!(needs(&edge(r#", "migrate": []"#)), ["key:upgrades"]);
        let migrate = r#", "migrate": [{ "run": { "service": "web", "command": ["a"] } }]"#;
        assert_eq!(needs(&edge(migrate)), ["key:upgrades", "key:upgrades.run"]);
        assert!(own().contains(&Capability::from("key:upgrades.compare")));
    }

    #[test]
    fn what_is_no_name_is_left_out_of_a_report() {
        let names = ["key:x", "", "two words", &"x".repeat(65)].map(str::to_owned);
        assert_eq!(reported(&names), [Capability::from("key:x")].into());
    }
}
