//! Reasons why an instance is not healthy, as codes with arguments. `fleet` turns them into words.

mod probe;

pub use probe::{ProbeFailure, ProbeTarget};

use crate::coded_text::kept_as_code;
use crate::units::Period;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Reason why an instance is not healthy. Kept facts have it as `{"code": "container_dead", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs and for the host's own screen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum HealthProblem {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A problem that only the version of its host knows.
    #[error("an unknown problem ({number}): {arguments}")]
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// A container does not exist.
    #[error("{0} does not exist")]
    ContainerMissing(String),
    /// A container has not started yet.
    #[error("{0} has not started yet")]
    ContainerNotStarted(String),
    /// A container that runs once has not completed yet.
    #[error("{0} has not completed yet")]
    ContainerNotCompleted(String),
    /// A container starts, by its health check.
    #[error("{0} is starting")]
    ContainerStarting(String),
    /// A container is unhealthy, by its health check.
    #[error("{0} is unhealthy")]
    ContainerUnhealthy(String),
    /// A container ended, with its exit code. The Engine may start it again.
    #[error("{0} ended with {1}")]
    ContainerExited(String, i64),
    /// A container ended, with its exit code, and nothing starts it again.
    #[error("{0} ended with {1}, and nothing starts it again")]
    ContainerExitedForGood(String, i64),
    /// A container keeps ending and being started again.
    #[error("{0} keeps ending and being started again")]
    ContainerRestarting(String),
    /// A container ended and was started again since the last look.
    #[error("{0} ended and was started again")]
    ContainerRestarted(String),
    /// A container is paused.
    #[error("{0} is paused")]
    ContainerPaused(String),
    /// The Engine failed to remove a container.
    #[error("{0} is dead")]
    ContainerDead(String),
    /// A probe of the app failed.
    #[error("{probe}: {failure}")]
    ProbeFailed {
        /// The probe.
        probe: Box<ProbeTarget>,
        /// Reason why it failed.
        failure: ProbeFailure,
    },
    /// The instance could not be looked at.
    #[error("{cause}")]
    NotObserved {
        /// Words of the Engine.
        cause: String,
    },
    /// Volumes with its data were removed by somebody, and are not made again.
    #[error("its data is gone: somebody removed {}", listed(.0))]
    VolumesGone(Vec<LostVolume>),
    /// Healthy in the end, and not for long enough when its deadline was over.
    #[error("it was healthy for {healthy_for} only when its {deadline} were over")]
    HealthyTooLate {
        /// Time for which it was healthy.
        healthy_for: Period,
        /// Deadline of the app.
        deadline: Period,
    },
    /// Not healthy when its deadline was over.
    #[error("not healthy within {deadline}: {problem}")]
    NotHealthyInTime {
        /// Deadline of the app.
        deadline: Period,
        /// Problem that was left.
        problem: Box<HealthProblem>,
    },
    /// Two machines connect as its host, so that its health is not known.
    #[error("two machines connect as its host")]
    HostDuplicate,
}

/// A volume that somebody removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LostVolume {
    /// Name of the volume.
    pub name: String,
    /// True if another volume, without the label of the instance, has its name.
    pub is_replaced: bool,
}

fn listed(lost: &[LostVolume]) -> String {
    lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

kept_as_code!(HealthProblem);

impl fmt::Display for LostVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, is_replaced } = self;
        if *is_replaced { write!(f, "{name} (replaced)") } else { f.write_str(name) }
    }
}

/// Reads lost volumes that were kept: as one text by earlier versions.
pub(crate) fn read_volumes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LostVolume>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Volumes(Vec<LostVolume>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(name) => vec![LostVolume { name, is_replaced: false }],
        Kept::Volumes(volumes) => volumes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::facts::InstanceHealth;
    use crate::order_failure::OrderFailure;

    fn read(kept: &str) -> HealthProblem {
        serde_json::from_str(kept).expect("it can be read")
    }

    #[test]
    fn texts_of_earlier_versions_and_codes_of_newer_ones_are_read() {
        assert_eq!(read(r#""no answer""#), HealthProblem::other("no answer"));
        assert_eq!(read(r#"{"code":"moon_rose","with":["a"]}"#), HealthProblem::other("moon rose a"));
        let newer_probe = r#"{"code":"probe_failed","with":{"probe":{"code":"smoke"},"failure":{"code":"moon_rose"}}}"#;
        assert_eq!(read(newer_probe), HealthProblem::other("probe failed moon rose, smoke"));
        let earlier: InstanceHealth =
            serde_json::from_str(r#"{"unhealthy":{"reason":"503"}}"#).expect("it can be read");
        assert_eq!(earlier, InstanceHealth::Unhealthy { problem: HealthProblem::other("503") });
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let exited = HealthProblem::ContainerExited("a-web-1".to_owned(), 1);
        let kept = r#"{"code":"container_exited","with":["a-web-1",1]}"#;
        assert_eq!(serde_json::to_string(&exited).expect("it can be written"), kept);
        let deadline = "4s".parse().expect("a period");
        let late = HealthProblem::NotHealthyInTime { deadline, problem: Box::new(exited) };
        let unhealthy = InstanceHealth::Unhealthy { problem: late };
        let kept = serde_json::to_string(&unhealthy).expect("it can be written");
        assert_eq!(serde_json::from_str::<InstanceHealth>(&kept).expect("it can be read"), unhealthy);
    }

    #[test]
    fn lost_volumes_that_were_kept_as_a_text_are_read() {
        let kept = r#"{"code":"volumes_gone","with":{"volumes":"a, b"}}"#;
        let volumes = vec![LostVolume { name: "a, b".to_owned(), is_replaced: false }];
        assert_eq!(
            serde_json::from_str::<OrderFailure>(kept).expect("it can be read"),
            OrderFailure::VolumesGone { volumes }
        );
    }

    #[test]
    fn secrets_are_masked_in_words_and_not_in_names() {
        let mask = |kind: ArgumentKind, text: String| {
            if kind == ArgumentKind::Words { text.replace("web", "***") } else { text }
        };
        let failed = |output: &str| HealthProblem::ProbeFailed {
            probe: Box::new(ProbeTarget::Http { service: "web".to_owned(), port: 80, path: "/web".to_owned() }),
            failure: ProbeFailure::CommandFailed { code: 1, output: output.to_owned() },
        };
        assert_eq!(failed("web is down").map_texts(mask), failed("*** is down"));
    }
}
