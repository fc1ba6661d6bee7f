//! Reasons why an instance is left out of a rollout or of its undo.

use crate::claims::HeldName;
use crate::names::{AppName, HostName, Version};
use crate::order_failure::OrderFailure;
use crate::policy_refusal::PolicyRefusal;
use serde::{Deserialize, Serialize};

/// Reason why a rollout or its undo leaves an instance out. Kept facts have it as `{"code": "elsewhere", "with": {…}}`, earlier ones
/// as a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum LeftOutReason {
    /// Being removed.
    BeingRemoved,
    /// Removed.
    Removed,
    /// Its host's policy does not allow the app.
    Forbidden {
        /// The host.
        host: HostName,
        /// The app.
        app: AppName,
    },
    /// No report about the instance.
    NotReported,
    /// Not installed.
    NotInstalled,
    /// Being installed.
    BeingInstalled,
    /// Already at the version.
    AlreadyThere,
    /// Newer than the wanted version. An older one is reached by undoing a rollout.
    Newer {
        /// Version that it has.
        version: Version,
    },
    /// Stopped, and releases on its way have to run.
    Stopped {
        /// The first of these.
        through: Version,
    },
    /// Stopped, so that it is not known whether its version has run over its data, and the wanted one has to follow on that.
    NotRunYet {
        /// Version of the instance.
        version: Version,
    },
    /// The policy of its host denies the actions of the upgrade.
    ActionsForbidden {
        /// The host.
        host: HostName,
    },
    /// Another version stands between. Only in rollouts of earlier versions, which made one hop.
    HopFirst {
        /// Version to upgrade to first.
        version: Version,
        /// Reason of the app's author, if that version is a required stop.
        why: Option<String>,
    },
    /// A required stop of the app is not a release.
    StopMissing {
        /// The required stop.
        version: Version,
        /// Reason of the app's author.
        why: String,
    },
    /// The app's upgrade graph does not lead there.
    NoUpgrade {
        /// Version from which nothing leads on.
        from: Version,
        /// Version that should come next.
        to: Version,
    },
    /// Two edges of the app's upgrade graph lead there.
    TwoUpgrades {
        /// Version that they lead from.
        from: Version,
        /// Version that they lead to.
        to: Version,
        /// Position of the one edge in the graph.
        #[serde(default)]
        first: usize,
        /// Position of the other edge.
        #[serde(default)]
        second: usize,
    },
    /// A version that has no place in the app's order.
    NotOrdered {
        /// The version.
        version: String,
    },
    /// Another version than the undone rollout left.
    Elsewhere {
        /// Version that it has.
        version: Version,
    },
    /// Former values that are no longer kept.
    ValuesLost {
        /// Revision of the values.
        revision: u64,
    },
    /// Former value that cannot be opened.
    ValueSealed {
        /// Name of the value.
        value: String,
    },
    /// Refusal of its host, or conflict with another instance, in words of an earlier version.
    Refused {
        /// Words of the refusal.
        reason: String,
    },
    /// The name of its Compose project would change.
    ProjectChanges {
        /// Name that the project has.
        present: String,
        /// Name that it would have.
        planned: String,
    },
    /// Other instances of the host have these names or ports.
    NamesHeld {
        /// The host.
        host: HostName,
        /// Number of further names.
        more: usize,
        /// The first names.
        names: Vec<HeldName>,
    },
    /// Refused by its host.
    HostRefuses {
        /// The host.
        host: HostName,
        /// Failure with which it would refuse the order.
        failure: Box<OrderFailure>,
    },
    /// Not allowed by its host's policy.
    PolicyForbids {
        /// The host.
        host: HostName,
        /// Number of further refusals.
        #[serde(default)]
        more: usize,
        /// The first refusals.
        refusals: Vec<PolicyRefusal>,
    },
    /// Words of an earlier version.
    #[serde(untagged)]
    Text(String),
}

impl LeftOutReason {
    /// Returns whether the app's upgrade graph is the reason.
    pub fn is_about_upgrades(&self) -> bool {
        match self {
            Self::HopFirst { .. }
            | Self::StopMissing { .. }
            | Self::NoUpgrade { .. }
            | Self::TwoUpgrades { .. }
            | Self::NotOrdered { .. } => true,
            Self::BeingRemoved
            | Self::Removed
            | Self::Forbidden { .. }
            | Self::NotReported
            | Self::NotInstalled
            | Self::BeingInstalled
            | Self::AlreadyThere
            | Self::Stopped { .. }
            | Self::NotRunYet { .. }
            | Self::ActionsForbidden { .. }
            | Self::Newer { .. }
            | Self::Elsewhere { .. }
            | Self::ValuesLost { .. }
            | Self::ValueSealed { .. }
            | Self::Refused { .. }
            | Self::ProjectChanges { .. }
            | Self::NamesHeld { .. }
            | Self::HostRefuses { .. }
            | Self::PolicyForbids { .. }
            | Self::Text(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ClaimKind;

    #[test]
    fn the_reason_of_a_left_out_instance_is_kept_as_a_code_and_read_as_a_text_too() {
        let kept = |reason: &LeftOutReason| serde_json::to_string(reason).expect("it can be written");
        let read = |text: &str| serde_json::from_str::<LeftOutReason>(text).expect("it can be read");
        let owner = "notes-2".parse().expect("a name");
        let held = HeldName { kind: ClaimKind::Port, name: "80/tcp".to_owned(), owner };
        for (reason, expect) in [
            (LeftOutReason::NotInstalled, r#"{"code":"not_installed"}"#),
            (LeftOutReason::ValuesLost { revision: 3 }, r#"{"code":"values_lost","with":{"revision":3}}"#),
            (
                LeftOutReason::NamesHeld { host: "lab-1".parse().expect("a name"), more: 1, names: vec![held] },
                concat!(
                    r#"{"code":"names_held","with":{"host":"lab-1","more":1,"#,
                    r#""names":[{"kind":"port","name":"80/tcp","owner":"notes-2"}]}}"#
                ),
            ),
            (
                LeftOutReason::Refused { reason: "the port is notes-2's".to_owned() },
                r#"{"code":"refused","with":{"reason":"the port is notes-2's"}}"#,
            ),
            (LeftOutReason::Text("it is not installed".to_owned()), r#""it is not installed""#),
        ] {
            assert_eq!(kept(&reason), expect);
            assert_eq!(read(expect), reason);
        }
    }
}
