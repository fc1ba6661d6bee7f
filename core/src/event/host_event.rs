//! Events that agents report, as codes with arguments. `fleet` turns them into words.

use crate::activity::Activity;
use crate::coded_text::{kept_as_code, logged_as_code};
use crate::data_leftover::DataLeftover;
use crate::drift::Drift;
use crate::ledger_problem::LedgerProblem;
use crate::order_failure::OrderFailure;
use crate::sandbox_part::SandboxPart;
use crate::units::Period;
use serde::{Deserialize, Serialize};

/// Event of a host or of an instance on it. **Invariant:** an agent reports no other kind of event, so a host cannot report an event
/// of the coordinator or of an operator. Kept facts have it as `{"code": "healed", "with": …}`.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum HostEvent {
    /// Words of a newer version, or of an event whose arguments were changed.
    Other {
        /// The words.
        text: String,
    },
    /// An event that only the version of its host knows.
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// Changes by hand were undone.
    Healed {
        /// The steps.
        steps: Vec<Activity>,
    },
    /// Changes by hand could not be undone.
    HealingFailed {
        /// Reason.
        failure: Box<OrderFailure>,
    },
    /// Changes by hand could not be undone in time.
    HealingTooSlow {
        /// Time limit.
        limit: Period,
    },
    /// The instance drifted again and again: its changes by hand are left.
    Flapping {
        /// Number of times that it was healed.
        times: usize,
        /// Period of these.
        within: Period,
        /// The changes.
        changes: Vec<Drift>,
    },
    /// The instances cannot be inspected.
    HealthUnknown {
        /// Reason.
        failure: Box<OrderFailure>,
    },
    /// The host's policy cannot be read, so all orders are refused.
    PolicyUnreadable {
        /// Words of the reader.
        problem: String,
    },
    /// A part of the host's ledger cannot be read.
    LedgerUnreadable {
        /// Path on the host.
        path: String,
        /// Problem of the file. Earlier versions kept a text.
        problem: LedgerProblem,
    },
    /// An image could not be pulled, and the one on the host is used.
    ImageNotPulled {
        /// Reference of the image.
        image: String,
        /// Reason.
        failure: Box<OrderFailure>,
    },
    /// The data of before a restore could not be removed.
    OldDataLeft(DataLeftover),
    /// The data of before a restore is removed after all.
    OldDataRemoved {
        /// Path on the host.
        path: String,
    },
    /// A service that was stopped for a backup goes on after all.
    ServiceResumed {
        /// Compose service.
        service: String,
        /// Time for which it could not go on.
        after: Period,
    },
    /// Parts of a drill's sandbox could not be removed.
    SandboxLeft {
        /// Compose project of the sandbox.
        project: String,
        /// The parts; empty if they are not known.
        parts: Vec<SandboxPart>,
    },
    /// All parts of a drill's sandbox are removed after all.
    SandboxRemoved {
        /// Compose project of the sandbox.
        project: String,
    },
}

kept_as_code!(HostEvent);

impl HostEvent {
    /// The most items of a list in a record of limited size.
    const ITEMS: usize = 16;

    /// Returns it with short texts and short lists, as a record of limited size has it.
    #[must_use]
    pub fn in_short(&self) -> Self {
        let mut short = self.shortened();
        match &mut short {
            Self::Healed { steps } => steps.truncate(Self::ITEMS),
            Self::Flapping { changes, .. } => changes.truncate(Self::ITEMS),
            Self::SandboxLeft { parts, .. } => parts.truncate(Self::ITEMS),
            Self::Other { .. }
            | Self::Unknown { .. }
            | Self::HealingFailed { .. }
            | Self::HealingTooSlow { .. }
            | Self::HealthUnknown { .. }
            | Self::PolicyUnreadable { .. }
            | Self::LedgerUnreadable { .. }
            | Self::ImageNotPulled { .. }
            | Self::OldDataLeft(_)
            | Self::OldDataRemoved { .. }
            | Self::ServiceResumed { .. }
            | Self::SandboxRemoved { .. } => {}
        }
        short
    }
}

logged_as_code!(HostEvent);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;

    #[test]
    fn what_is_kept_is_read_as_it_was_and_a_newer_code_as_its_words() {
        let read = |kept: &str| serde_json::from_str::<HostEvent>(kept).expect("it can be read");
        let healed = HostEvent::Healed { steps: vec![Activity::Start("web".to_owned())] };
        let kept = r#"{"code":"healed","with":{"steps":[{"code":"start","with":"web"}]}}"#;
        assert_eq!(serde_json::to_string(&healed).expect("it can be written"), kept);
        assert_eq!(read(kept), healed);
        assert_eq!(read(r#"{"code":"moon_rose","with":{"at":"web"}}"#), HostEvent::other("moon rose web"));
        assert_eq!(healed.to_string(), "healed start web");
    }

    #[test]
    fn secrets_are_masked_in_words_of_all_levels_and_not_in_names() {
        let mask = |kind: ArgumentKind, text: String| match kind {
            ArgumentKind::Name => text,
            ArgumentKind::Words => text.replace("web", "***"),
        };
        let failed = |output: &str| HostEvent::HealingFailed {
            failure: Box::new(OrderFailure::ContainerExited {
                container: "web".to_owned(),
                code: 1,
                output: output.to_owned(),
            }),
        };
        assert_eq!(failed("no web").map_texts(mask), failed("no ***"));
        let unreadable = |path: &str, problem: &str| HostEvent::LedgerUnreadable {
            path: path.to_owned(),
            problem: LedgerProblem::other(problem),
        };
        assert_eq!(unreadable("/web", "no web").map_texts(mask), unreadable("/web", "no ***"));
        let left = |cause: &str| {
            let (path, cause) = ("/web".to_owned(), cause.to_owned());
            HostEvent::OldDataLeft(DataLeftover::NotRemoved { path, since: crate::time::Time(1), cause })
        };
        assert_eq!(left("no web").map_texts(mask), left("no ***"));
    }
}
