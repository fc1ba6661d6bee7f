//! Hosts that have not said whether they would refuse a change, as values. `fleet` turns them into words.

use crate::names::{HostName, InstanceName};
use crate::plain_text::ShortText;
use crate::query_failure::QueryFailure;
use crate::rendering_failure::RenderingFailure;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Host that has not said whether it would refuse a change, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAsked {
    /// The host.
    pub host: HostName,
    /// Reason.
    pub reason: NotAskedReason,
}

/// Reason why a host has not said whether it would refuse a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum NotAskedReason {
    /// The change was not rendered. Earlier versions kept a text.
    NotRendered(RenderingFailure),
    /// Enough other instances are asked about.
    TooMany {
        /// Maximum number.
        limit: usize,
    },
    /// No time was left.
    NoTimeLeft,
    /// The host is offline.
    Offline,
    /// The host has only just connected.
    JustConnected,
    /// The agent is too old to be asked.
    AgentTooOld,
    /// No answer in time.
    NoAnswer {
        /// Time that was waited.
        #[serde(with = "crate::time::serde_millis")]
        waited: Duration,
    },
    /// The answer was cut off.
    CutOff,
    /// The host has as many queries to answer as it may.
    HostBusy,
    /// The operator has as many queries to the host open as it may.
    TooManyQueries {
        /// Maximum number.
        limit: usize,
    },
    /// Failure of the host. Earlier versions kept a text.
    Failed(QueryFailure),
}

/// Instance of a rollout about which its host was not asked. Kept facts have it as `{"code": "member", "with": {…}}`, earlier
/// ones as a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum MemberNotAsked {
    /// An instance with its host and the reason.
    Member {
        /// The instance.
        instance: InstanceName,
        /// Its host.
        host: HostName,
        /// Reason.
        reason: Box<NotAskedReason>,
    },
    /// Words of an earlier version.
    #[serde(untagged)]
    Text(ShortText),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_kept_as_a_code_and_read_as_a_text_too() {
        let reason = Box::new(NotAskedReason::NoAnswer { waited: Duration::from_secs(6) });
        let (instance, host) = ("notes-1".parse().expect("a name"), "lab-1".parse().expect("a name"));
        let kept = concat!(
            r#"[{"code":"member","with":{"instance":"notes-1","host":"lab-1","#,
            r#""reason":{"code":"no_answer","with":{"waited":6000}}}},"notes-2: not known"]"#
        );
        let members =
            vec![MemberNotAsked::Member { instance, host, reason }, MemberNotAsked::Text("notes-2: not known".into())];
        assert_eq!(serde_json::to_string(&members).expect("it can be written"), kept);
        assert_eq!(serde_json::from_str::<Vec<MemberNotAsked>>(kept).expect("it can be read"), members);
    }
}
