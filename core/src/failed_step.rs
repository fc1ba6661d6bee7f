//! Steps that an order could not do, and tasks of tools that failed, as codes with arguments. `fleet` turns them into words.

mod file_step;
mod tool_task;

pub use file_step::FileStep;
pub use tool_task::ToolTask;

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Step that failed. Kept failures have it as `{"code": "start_container", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments, such as `start container notes-1-web`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum FailedStep {
    /// Words of an earlier version, as a phrase after "could not".
    Other {
        /// The words.
        text: String,
    },
    /// A step that only the version of its host knows.
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },

    // The Engine, its containers and images.
    /// Reaches the Engine.
    ReachEngine,
    /// Asks the Engine about itself: its version, its id, its data directory.
    DescribeEngine,
    /// Lists containers.
    ListContainers,
    /// Looks at a container.
    LookAtContainer(String),
    /// Creates a container.
    CreateContainer(String),
    /// Connects a container to a network.
    ConnectContainer(String, String),
    /// Starts a container.
    StartContainer(String),
    /// Stops a container.
    StopContainer(String),
    /// Removes a container.
    RemoveContainer(String),
    /// Renames a container, with its name before and after.
    RenameContainer(String, String),
    /// Sets the restart policy of a container.
    SetRestartPolicy(String),
    /// Waits until a container is healthy.
    WaitUntilHealthy(String),
    /// Waits until a container has completed.
    WaitUntilCompleted(String),
    /// Pauses a container.
    PauseContainer(String),
    /// Resumes a paused container.
    ResumeContainer(String),
    /// Reads the log of a service.
    ReadLog(String),
    /// Looks for an image on the host.
    LookForImage(String),
    /// Pulls an image.
    PullImage(String),
    /// Asks the registry of an image for it.
    AskRegistry(String),

    // Networks and volumes.
    /// Lists networks.
    ListNetworks,
    /// Looks for a network.
    LookForNetwork(String),
    /// Creates a network.
    CreateNetwork(String),
    /// Removes a network.
    RemoveNetwork(String),
    /// Lists volumes.
    ListVolumes,
    /// Looks for a volume.
    LookForVolume(String),
    /// Creates a volume.
    CreateVolume(String),
    /// Removes a volume.
    RemoveVolume(String),

    // Tools and commands in containers.
    /// Starts a tool.
    StartTool(ToolTask),
    /// Reads the output of a tool.
    ReadTool(ToolTask),
    /// Sends a tool its input.
    FeedTool(ToolTask),
    /// Learns how a tool ended.
    AwaitTool,
    /// Ends a tool.
    EndTool,
    /// Lists the containers of tools.
    ListToolContainers,
    /// Removes the container of a tool.
    RemoveToolContainer,
    /// Runs the command of a probe.
    RunProbe,

    // Files of the host.
    /// Works on a file or a folder.
    File(FileStep, String),

    // Repositories.
    /// Makes the repository.
    MakeRepository,
    /// Finds data that an interrupted run has sent.
    FindSentData,
    /// Reads the list of backups.
    ReadBackups,
    /// Reads one backup.
    ReadBackup,
    /// Reads the results of drills.
    ReadProofs,
    /// Reads which backups are unfinished.
    ReadUnfinishedBackups,
    /// Forgets backups.
    ForgetBackups,
    /// Removes data that no backup needs.
    PruneData,
    /// Checks the repository.
    CheckRepository,
    /// Measures the repository.
    MeasureRepository,
    /// Lists a folder of a backup.
    ListFolder,
    /// Writes the manifest of a backup.
    WriteManifest,
    /// Writes the result of a drill.
    WriteProof,
    /// Stores dumps.
    StoreDumps,
    /// Stores files.
    StoreFiles,
    /// Reads a file of a backup.
    ReadStream(String),
    /// Restores files of a backup, with their path in it.
    RestoreFiles(String),
    /// Restores files of a backup to a bucket, with their path in it and the name of the bucket.
    FillBucket(String, String),
    /// Looks at a bucket.
    LookAtBucket(String),
}

kept_as_code!(FailedStep);
logged_as_code!(FailedStep);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::order_failure::OrderFailure;
    use std::time::Duration;

    fn read(kept: &str) -> OrderFailure {
        serde_json::from_str(kept).expect("it can be read")
    }

    #[test]
    fn steps_that_an_earlier_version_kept_as_texts_are_read() {
        let kept = r#"{"code":"engine_refused","with":{"step":"start notes-1-web","answer":"no"}}"#;
        let step = FailedStep::other("start notes-1-web");
        assert_eq!(read(kept), OrderFailure::EngineRefused { step, answer: "no".to_owned() });
        let kept = r#"{"code":"tool_too_slow","with":{"tool":"the tool in `db`","limit":2000,"output":""}}"#;
        let (tool, limit) = (ToolTask::other("the tool in `db`"), Duration::from_secs(2));
        assert_eq!(read(kept), OrderFailure::ToolTooSlow { tool, limit, output: String::new() });
        let failed = |step: &str| {
            read(&format!(r#"{{"code":"file_failed","with":{{"step":"{step}","path":"/srv","cause":"no"}}}}"#))
        };
        let expected = |step| OrderFailure::FileFailed { step, path: "/srv".to_owned(), cause: "no".to_owned() };
        assert_eq!(failed("write"), expected(FileStep::Write));
        assert_eq!(failed("look at"), expected(FileStep::LookAt));
        assert_eq!(failed("read back"), expected(FileStep::Other("read back".to_owned())));
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let task = || ToolTask::Load("db".to_owned());
        for step in [
            FailedStep::ReachEngine,
            FailedStep::RenameContainer("a".to_owned(), "b".to_owned()),
            FailedStep::FeedTool(task()),
            FailedStep::File(FileStep::MoveAside, "/srv".to_owned()),
            FailedStep::Unknown { number: 999, arguments: "a".to_owned() },
        ] {
            let failure = OrderFailure::Interrupted { step };
            assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        }
        let failure = OrderFailure::ToolFailed { tool: task(), code: 1, output: "no".to_owned() };
        assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        let newer = r#"{"code":"interrupted","with":{"step":{"code":"flew_away","with":["there"]}}}"#;
        assert_eq!(read(newer), OrderFailure::Interrupted { step: FailedStep::other("flew away there") });
    }

    #[test]
    fn names_in_steps_are_not_masked_as_words_are() {
        let mask = |kind: ArgumentKind, text: String| {
            if kind == ArgumentKind::Words { text.replace("web", "***") } else { text }
        };
        let refused = |answer: &str| OrderFailure::EngineRefused {
            step: FailedStep::StartTool(ToolTask::Dump("web".to_owned())),
            answer: answer.to_owned(),
        };
        assert_eq!(refused("web").map_texts(mask), refused("***"));
    }
}
