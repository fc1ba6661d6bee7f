//! Steps that failed, tasks of tools and holders of volumes, and their codes.

use super::arguments::{Argument, coded_phrase};
use crate::v1;
use fleet_core::failed_step::{FailedStep, ToolTask};
use fleet_core::volume_holder::VolumeHolder;

coded_phrase! {
    FailedStep, FailedStep, FailedStepCode, incoming_failed_step:
    Other { text },
    Unknown { number, arguments },
    ReachEngine,
    DescribeEngine,
    ListContainers,
    LookAtContainer(a),
    CreateContainer(a),
    ConnectContainer(a, b),
    StartContainer(a),
    StopContainer(a),
    RemoveContainer(a),
    RenameContainer(a, b),
    SetRestartPolicy(a),
    WaitUntilHealthy(a),
    WaitUntilCompleted(a),
    PauseContainer(a),
    ResumeContainer(a),
    ReadLog(a),
    LookForImage(a),
    PullImage(a),
    AskRegistry(a),
    ListNetworks,
    LookForNetwork(a),
    CreateNetwork(a),
    RemoveNetwork(a),
    ListVolumes,
    LookForVolume(a),
    CreateVolume(a),
    RemoveVolume(a),
    StartTool(a),
    ReadTool(a),
    FeedTool(a),
    AwaitTool,
    EndTool,
    ListToolContainers,
    RemoveToolContainer,
    RunProbe,
    File(a, b),
    MakeRepository,
    FindSentData,
    ReadBackups,
    ReadBackup,
    ReadProofs,
    ReadUnfinishedBackups,
    ForgetBackups,
    PruneData,
    CheckRepository,
    MeasureRepository,
    ListFolder,
    WriteManifest,
    WriteProof,
    StoreDumps,
    StoreFiles,
    ReadStream(a),
    RestoreFiles(a),
    FillBucket(a, b),
    LookAtBucket(a),
}

coded_phrase! {
    ToolTask, ToolTask, ToolTaskCode, incoming_tool_task:
    Other { text },
    Unknown { number, arguments },
    Dump(a),
    Load(a),
    Count(a),
    Query(a),
    Check(a),
    Rebuild(a),
    DumpOfStore,
}

coded_phrase! {
    VolumeHolder, VolumeHolder, VolumeHolderCode, incoming_volume_holder:
    Other { text },
    Unknown { number, arguments },
    Instance(a),
    Container(a),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::incoming_order_failure;
    use fleet_core::failed_step::FileStep;
    use fleet_core::order_failure::OrderFailure;
    use std::time::Duration;

    fn text() -> String {
        "a".to_owned()
    }

    #[test]
    fn steps_and_tasks_between_other_arguments_come_back_as_they_were() {
        let refused = |step| OrderFailure::EngineRefused { step, answer: text() };
        let slow = |tool| OrderFailure::ToolTooSlow { tool, limit: Duration::from_secs(2), output: text() };
        let task = || ToolTask::Dump(text());
        let within = OrderFailure::InStore { store: text(), failure: Box::new(slow(task())) };
        for failure in [
            refused(FailedStep::ListContainers),
            refused(FailedStep::RenameContainer(text(), text())),
            refused(FailedStep::StartTool(task())),
            refused(FailedStep::File(FileStep::LookAt, text())),
            refused(FailedStep::other("words")),
            refused(FailedStep::Unknown { number: 999, arguments: text() }),
            OrderFailure::Several { failures: vec![slow(ToolTask::DumpOfStore), within] },
            OrderFailure::FileFailed { step: FileStep::MoveAside, path: text(), cause: text() },
            OrderFailure::RepositoryMissing { repository: text(), step: FailedStep::FillBucket(text(), text()) },
        ] {
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn a_phrase_of_an_earlier_host_is_read_as_words() {
        let read = |code: v1::OrderFailureCode, arguments: &[&str]| {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            incoming_order_failure(v1::OrderFailure { code: code.into(), arguments })
        };
        let step = FailedStep::other("start notes-1-web");
        assert_eq!(
            read(v1::OrderFailureCode::EngineRefused, &["start notes-1-web", "a"]),
            Some(OrderFailure::EngineRefused { step, answer: text() })
        );
        let tool = ToolTask::other("the tool in `db`");
        assert_eq!(
            read(v1::OrderFailureCode::ToolFailed, &["the tool in `db`", "1", "a"]),
            Some(OrderFailure::ToolFailed { tool, code: 1, output: text() })
        );
        assert_eq!(
            read(v1::OrderFailureCode::FileFailed, &["write", "a", "a"]),
            Some(OrderFailure::FileFailed { step: FileStep::Write, path: text(), cause: text() })
        );
        let holders = vec![VolumeHolder::other("notes-2 and the container guest")];
        assert_eq!(
            read(v1::OrderFailureCode::VolumeHeld, &["a", "notes-2 and the container guest"]),
            Some(OrderFailure::VolumeHeld { volume: text(), holders })
        );
        let containers = vec!["`b`, `c`".to_owned()];
        assert_eq!(
            read(v1::OrderFailureCode::FolderHeld, &["a", "`b`, `c`"]),
            Some(OrderFailure::FolderHeld { folder: text(), containers })
        );
    }

    #[test]
    fn a_step_of_a_newer_host_keeps_its_arguments_and_the_rest_is_read() {
        let (code, arguments) = (
            v1::OrderFailureCode::EngineRefused.into(),
            ["2", "FAILED_STEP_CODE_FLY", "b", "a"].map(str::to_owned).to_vec(),
        );
        let step = FailedStep::Unknown { number: 0, arguments: "b".to_owned() };
        let failure = OrderFailure::EngineRefused { step, answer: text() };
        assert_eq!(incoming_order_failure(v1::OrderFailure { code, arguments }), Some(failure));
    }

    #[test]
    fn holders_come_back_as_they_were() {
        let instance = VolumeHolder::Instance("notes-2".parse().expect("a name"));
        let holders = vec![instance, VolumeHolder::Container(text()), VolumeHolder::other("words")];
        let failure = OrderFailure::VolumeHeld { volume: text(), holders };
        assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
    }
}
