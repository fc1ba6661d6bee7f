//! Words of steps that could not be done, of tasks of tools, and of holders of volumes.

use super::after;
use fleet_core::failed_step::{FailedStep, FileStep, ToolTask};
use fleet_core::volume_holder::VolumeHolder;
use fleet_proto::convert::{incoming_failed_step, incoming_tool_task, incoming_volume_holder};
use fleet_proto::v1;
use std::time::Duration;

/// Returns the words of a failed step as it came over the wire.
pub fn shown(message: &v1::FailedStep) -> String {
    let known = incoming_failed_step(message.clone()).as_ref().map(step);
    known.unwrap_or_else(|| super::unknown::<v1::FailedStepCode>("a step", message.code, &message.arguments))
}

/// Returns the words of the task of a tool as it came over the wire.
pub fn shown_tool(message: &v1::ToolTask) -> String {
    let known = incoming_tool_task(message.clone()).as_ref().map(tool);
    known.unwrap_or_else(|| super::unknown::<v1::ToolTaskCode>("a tool", message.code, &message.arguments))
}

/// Returns the words of the holder of a volume as it came over the wire.
pub fn shown_holder(message: &v1::VolumeHolder) -> String {
    let known = incoming_volume_holder(message.clone()).as_ref().map(holder);
    known.unwrap_or_else(|| super::unknown::<v1::VolumeHolderCode>("a holder", message.code, &message.arguments))
}

/// Returns the words about a step that could not be done: `could not start notes-1-web`.
pub fn could_not(failed: &FailedStep) -> String {
    format!("could not {}", step(failed))
}

/// Returns the words about a step that a repository could not do.
pub fn repository_could_not(repository: &str, failed: &FailedStep) -> String {
    format!("the repository `{repository}`: could not {}", step(failed))
}

/// Returns the words about a file or a folder on which a step failed.
pub fn file_failed(step: &FileStep, path: &str, cause: &str) -> String {
    format!("could not {}: {cause}", file(step, path))
}

/// Returns the words of a step, as a phrase after "could not".
#[expect(clippy::too_many_lines, reason = "a table")]
fn step(step: &FailedStep) -> String {
    match step {
        FailedStep::Other { text } => text.clone(),
        FailedStep::Unknown { number: 0, arguments } => format!("do a step that is not known here ({arguments})"),
        FailedStep::Unknown { number, arguments } => {
            format!("do a step that is not known here ({number}: {arguments})")
        }
        // The Engine, its containers and images.
        FailedStep::ReachEngine => "reach the Engine".to_owned(),
        FailedStep::DescribeEngine => "ask the Engine for its version and its settings".to_owned(),
        FailedStep::ListContainers => "list containers".to_owned(),
        FailedStep::LookAtContainer(name) => format!("look at {name}"),
        FailedStep::CreateContainer(name) => format!("create {name}"),
        FailedStep::ConnectContainer(name, network) => format!("connect {name} to the network {network}"),
        FailedStep::StartContainer(name) => format!("start {name}"),
        FailedStep::StopContainer(name) => format!("stop {name}"),
        FailedStep::RemoveContainer(name) => format!("remove {name}"),
        FailedStep::RenameContainer(from, name) => format!("rename {from} to {name}"),
        FailedStep::SetRestartPolicy(name) => format!("set the restart policy of {name}"),
        FailedStep::WaitUntilHealthy(name) => format!("wait until {name} is healthy"),
        FailedStep::WaitUntilCompleted(name) => format!("wait until {name} has completed"),
        FailedStep::PauseContainer(name) => format!("pause {name}"),
        FailedStep::ResumeContainer(name) => format!("resume {name}"),
        FailedStep::ReadLog(service) => format!("read the log of {service}"),
        FailedStep::LookForImage(image) => format!("look for the image {image}"),
        FailedStep::PullImage(image) => format!("pull {image}"),
        FailedStep::AskRegistry(image) => format!("ask the registry for {image}"),
        // Networks and volumes.
        FailedStep::ListNetworks => "list networks".to_owned(),
        FailedStep::LookForNetwork(name) => format!("look for the network {name}"),
        FailedStep::CreateNetwork(name) => format!("create the network {name}"),
        FailedStep::RemoveNetwork(name) => format!("remove the network {name}"),
        FailedStep::ListVolumes => "list volumes".to_owned(),
        FailedStep::LookForVolume(name) => format!("look for the volume {name}"),
        FailedStep::CreateVolume(name) => format!("create the volume {name}"),
        FailedStep::RemoveVolume(name) => format!("remove the volume {name}"),
        // Tools and commands in containers.
        FailedStep::StartTool(task) => format!("start {}", tool(task)),
        FailedStep::ReadTool(task) => format!("read the output of {}", tool(task)),
        FailedStep::FeedTool(task) => format!("send data to {}", tool(task)),
        FailedStep::AwaitTool => "find out how a tool ended".to_owned(),
        FailedStep::EndTool => "end a tool".to_owned(),
        FailedStep::ListToolContainers => "list the containers of tools".to_owned(),
        FailedStep::RemoveToolContainer => "remove the container of a tool".to_owned(),
        FailedStep::RunProbe => "run the command of a probe".to_owned(),
        // Files of the host.
        FailedStep::File(step, path) => file(step, path),
        // Repositories.
        FailedStep::MakeRepository => "make the repository".to_owned(),
        FailedStep::FindSentData => "find the data that an interrupted run has sent".to_owned(),
        FailedStep::ReadBackups => "read the backups".to_owned(),
        FailedStep::ReadBackup => "read the backup".to_owned(),
        FailedStep::ReadProofs => "read the results of drills".to_owned(),
        FailedStep::ReadUnfinishedBackups => "read which backups are unfinished".to_owned(),
        FailedStep::ForgetBackups => "forget backups".to_owned(),
        FailedStep::PruneData => "remove data that no backup needs".to_owned(),
        FailedStep::CheckRepository => "check the repository".to_owned(),
        FailedStep::MeasureRepository => "measure the repository".to_owned(),
        FailedStep::ListFolder => "list a folder of a backup".to_owned(),
        FailedStep::WriteManifest => "write the manifest".to_owned(),
        FailedStep::WriteProof => "write the result of the drill".to_owned(),
        FailedStep::StoreDumps => "store the dumps".to_owned(),
        FailedStep::StoreFiles => "store the files".to_owned(),
        FailedStep::ReadStream(path) => format!("read `{path}`"),
        FailedStep::RestoreFiles(path) => format!("restore `{path}`"),
        FailedStep::FillBucket(path, bucket) => format!("restore `{path}` to the bucket {bucket}"),
        FailedStep::LookAtBucket(bucket) => format!("look at the bucket {bucket}"),
    }
}

fn file(step: &FileStep, path: &str) -> String {
    match step {
        FileStep::Read => format!("read `{path}`"),
        FileStep::Write => format!("write `{path}`"),
        FileStep::LookAt => format!("look at `{path}`"),
        FileStep::Make => format!("make `{path}`"),
        FileStep::Measure => format!("measure `{path}`"),
        FileStep::Copy => format!("copy `{path}`"),
        FileStep::Compare => format!("compare `{path}` with what was copied"),
        FileStep::Complete => format!("complete the copy `{path}`"),
        FileStep::Flush => format!("write `{path}` to the disk"),
        FileStep::Fill => format!("put files into `{path}`"),
        FileStep::MoveAside => format!("move `{path}` aside"),
        FileStep::PutBack => format!("put `{path}` back"),
        FileStep::Remove => format!("remove `{path}`"),
        FileStep::Other(text) => format!("{text} `{path}`"),
    }
}

/// Returns the words of the task of a tool, as a noun phrase.
fn tool(task: &ToolTask) -> String {
    match task {
        ToolTask::Other { text } => text.clone(),
        ToolTask::Unknown { number: 0, arguments } => format!("a tool that is not known here ({arguments})"),
        ToolTask::Unknown { number, arguments } => format!("a tool that is not known here ({number}: {arguments})"),
        ToolTask::Dump(service) => format!("the dump in `{service}`"),
        ToolTask::Load(service) => format!("the load in `{service}`"),
        ToolTask::Count(service) => format!("the count in `{service}`"),
        ToolTask::Query(service) => format!("the query in `{service}`"),
        ToolTask::Check(service) => format!("the check in `{service}`"),
        ToolTask::Rebuild(service) => format!("the rebuild in `{service}`"),
        ToolTask::DumpOfStore => "its dump".to_owned(),
    }
}

/// Returns the words about a tool that ended with an error.
pub fn tool_failed(task: &ToolTask, code: i64, output: &str) -> String {
    format!("{} exited with code {code}{}", tool(task), after(output))
}

/// Returns the words about a tool that took longer than it may.
pub fn tool_too_slow(task: &ToolTask, limit: Duration, output: &str) -> String {
    format!("{} took longer than {} s and was ended{}", tool(task), limit.as_secs(), after(output))
}

/// Returns the words about a tool that made no progress.
pub fn tool_stalled(task: &ToolTask, limit: Duration, output: &str) -> String {
    format!("{} did nothing for {} s and was ended{}", tool(task), limit.as_secs(), after(output))
}

/// Returns the words about a tool that printed too much.
pub fn output_too_large(task: &ToolTask, limit: usize) -> String {
    format!("{} printed more than {} KiB", tool(task), limit >> 10)
}

/// Returns the words about a tool whose input broke off.
pub fn stream_broken(task: &ToolTask, cause: &str) -> String {
    format!("{} was ended: its input broke off: {cause}", tool(task))
}

/// Returns the words about a volume that stays, because it has other holders.
pub fn volume_held(volume: &str, holders: &[VolumeHolder]) -> String {
    let all = holders.iter().map(holder).collect::<Vec<_>>().join(" and ");
    let verb = if holders.len() > 1 { "have" } else { "has" };
    format!("the volume `{volume}` stays: {all} {verb} it, too")
}

/// Returns the words about containers that run on a folder that is to be replaced.
pub fn folder_held(folder: &str, containers: &[String]) -> String {
    let (all, which) = (quoted(containers), "which is to be replaced");
    if containers.len() > 1 {
        format!("{all} run and have `{folder}`, {which}, and are no part of this instance: stop them first")
    } else {
        format!("{all} runs and has `{folder}`, {which}, and is no part of this instance: stop it first")
    }
}

fn holder(holder: &VolumeHolder) -> String {
    match holder {
        VolumeHolder::Other { text } => text.clone(),
        VolumeHolder::Unknown { number: 0, arguments } => format!("a holder that is not known here ({arguments})"),
        VolumeHolder::Unknown { number, arguments } => {
            format!("a holder that is not known here ({number}: {arguments})")
        }
        VolumeHolder::Instance(name) => name.to_string(),
        VolumeHolder::Container(name) => format!("the container {name}"),
    }
}

/// Returns names in backquotes, in one line. Earlier versions have all of them in one text, with the backquotes.
fn quoted(names: &[String]) -> String {
    let quoted = |name: &String| if name.contains('`') { name.clone() } else { format!("`{name}`") };
    names.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::failures;
    use fleet_core::order_failure::OrderFailure;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn failed_steps_are_told_with_their_names() {
        let refused = |step| OrderFailure::EngineRefused { step, answer: text("no") };
        let failures = [
            refused(FailedStep::StartContainer(text("notes-1-web"))),
            refused(FailedStep::other("start notes-1-web")),
            refused(FailedStep::ReadTool(ToolTask::Dump(text("db")))),
            refused(FailedStep::Unknown { number: 0, arguments: text("notes-1-web") }),
            OrderFailure::ToolStalled {
                tool: ToolTask::Load(text("db")),
                limit: Duration::from_secs(9),
                output: String::new(),
            },
            OrderFailure::DiskFull { step: FailedStep::File(FileStep::Write, text("/srv/a")) },
            OrderFailure::FileFailed { step: FileStep::MoveAside, path: text("/srv/a"), cause: text("no") },
            OrderFailure::FileFailed {
                step: FileStep::Other(text("read back")),
                path: text("/srv/a"),
                cause: text("no"),
            },
            OrderFailure::RepositoryMissing {
                repository: text("central"),
                step: FailedStep::ReadStream(text("dumps/db")),
            },
            OrderFailure::FolderHeld { folder: text("/srv/a"), containers: vec![text("a"), text("b")] },
            OrderFailure::FolderHeld { folder: text("/srv/a"), containers: vec![text("`a`, `b`")] },
            OrderFailure::VolumeHeld {
                volume: text("data"),
                holders: vec![
                    VolumeHolder::Instance("notes-2".parse().expect("a name")),
                    VolumeHolder::Container(text("guest")),
                ],
            },
        ];
        let lines = failures.iter().map(failures::words).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(lines, @"
        could not start notes-1-web: the Engine says: no
        could not start notes-1-web: the Engine says: no
        could not read the output of the dump in `db`: the Engine says: no
        could not do a step that is not known here (notes-1-web): the Engine says: no
        the load in `db` did nothing for 9 s and was ended
        no space left on the host's disk: could not write `/srv/a`; see `df` and `docker system df` on the host
        could not move `/srv/a` aside: no
        could not read back `/srv/a`: no
        the repository `central`: could not read `dumps/db`: there is no repository at its location
        `a`, `b` run and have `/srv/a`, which is to be replaced, and are no part of this instance: stop them first
        `a`, `b` runs and has `/srv/a`, which is to be replaced, and is no part of this instance: stop it first
        the volume `data` stays: notes-2 and the container guest have it, too
        ");
    }
}
