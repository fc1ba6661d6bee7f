//! The reason of an order's end, from the error that ended it. **Errors become codes here alone.**

mod data;

pub use data::of_repository;

use super::allow::Forbidden;
use super::claims::ClaimError;
use super::prepare::PrepareError;
use super::work::WorkError;
use crate::bundles::FetchError;
use crate::ledger::LedgerError;
use crate::runtime::RuntimeError;
use fleet_core::backup::VersionMismatch;
use fleet_core::failed_step::{FailedStep, FileStep, ToolTask};
use fleet_core::ledger_problem::LedgerProblem;
use fleet_core::order_failure::OrderFailure;
use fleet_core::part_owner::{PartOwner, PortHolder};
use fleet_core::steps::ForeignKind;
use std::path::Path;

impl From<&PrepareError> for OrderFailure {
    fn from(error: &PrepareError) -> Self {
        match error {
            PrepareError::Fetch(error) => error.into(),
            PrepareError::OtherApp(app) => Self::OtherApp { app: app.clone() },
            PrepareError::Values(problem) => Self::ValuesInvalid { problem: problem.clone() },
            PrepareError::Render(problem) => Self::ReleaseInvalid { problem: problem.clone() },
            PrepareError::Forbidden(error) => error.into(),
            PrepareError::Claim(error) => error.into(),
            PrepareError::DataGone(volumes, _) => Self::VolumesGone { volumes: volumes.clone() },
            PrepareError::Stopped { through } => Self::StoppedOnTheWay { through: through.clone() },
            PrepareError::OnTheWay(version, error) => {
                Self::OnTheWay { version: version.clone(), failure: Box::new((&**error).into()) }
            }
            PrepareError::Look(error) => error.into(),
        }
    }
}

impl From<&FetchError> for OrderFailure {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::Refused { .. } => Self::ReleaseUnavailable { problem: crate::chain(error) },
            FetchError::WrongDigest { .. } | FetchError::Unreadable { .. } => {
                Self::ReleaseInvalid { problem: crate::chain(error) }
            }
        }
    }
}

impl From<&Forbidden> for OrderFailure {
    fn from(error: &Forbidden) -> Self {
        match error {
            Forbidden::ByPolicy(refusals) => Self::PolicyForbids { refusals: refusals.clone() },
            Forbidden::NoPolicy(problem) => Self::PolicyUnreadable { problem: problem.to_string() },
            Forbidden::Look(error) => error.into(),
        }
    }
}

impl From<&ClaimError> for OrderFailure {
    fn from(error: &ClaimError) -> Self {
        match error {
            ClaimError::BadName { name, reason } => Self::InvalidName { name: name.clone(), problem: (*reason).into() },
            ClaimError::OtherProject { from, to } => Self::ProjectChanged { from: from.clone(), to: to.clone() },
            ClaimError::Taken { conflicts } => Self::NamesTaken { conflicts: conflicts.iter().cloned().collect() },
            ClaimError::Occupied { project, containers } => {
                Self::ForeignProject { project: project.clone(), containers: containers.clone() }
            }
            ClaimError::Foreign { what, .. } => foreign(what.kind, &what.name, (&what.owner).into()),
            ClaimError::PortTaken { port, holder } => {
                Self::PortTaken { port: (*port).into(), holder: PortHolder::Container { name: holder.clone() } }
            }
            ClaimError::Shared { conflicts } => Self::DataShared { conflicts: conflicts.iter().cloned().collect() },
            ClaimError::VolumeHeld { volume, holders } => {
                Self::VolumeHeld { volume: volume.clone(), holders: holders.iter().cloned().collect() }
            }
            ClaimError::Look(error) => error.into(),
        }
    }
}

fn foreign(kind: ForeignKind, name: &str, owner: PartOwner) -> OrderFailure {
    let name = name.to_owned();
    match kind {
        ForeignKind::Container => OrderFailure::ForeignContainer { name, owner },
        ForeignKind::Network => OrderFailure::ForeignNetwork { name, owner },
        ForeignKind::Volume => OrderFailure::ForeignVolume { name, owner },
    }
}

impl From<&WorkError> for OrderFailure {
    fn from(error: &WorkError) -> Self {
        match error {
            WorkError::NotHealthy(problem) => Self::NotHealthy { problem: problem.0.clone() },
            WorkError::DataGone(volumes) => Self::VolumesGone { volumes: volumes.clone() },
            WorkError::NoGoal => Self::LedgerUnreadable { problem: LedgerProblem::NoGoal },
            WorkError::Claim(error) => error.into(),
            WorkError::Forbidden(error) => error.into(),
            WorkError::Runtime(error) => error.into(),
            WorkError::Ledger(error) => error.into(),
        }
    }
}

impl From<&LedgerError> for OrderFailure {
    fn from(error: &LedgerError) -> Self {
        match error {
            LedgerError::Write { path, source } => file(FileStep::Write, path, source),
            LedgerError::Read { path, source } => file(FileStep::Read, path, source),
            LedgerError::Locked { path } => {
                Self::LedgerUnreadable { problem: LedgerProblem::InUse { path: path.display().to_string() } }
            }
        }
    }
}

fn file(step: FileStep, path: &Path, cause: &std::io::Error) -> OrderFailure {
    if cause.kind() == std::io::ErrorKind::StorageFull {
        return OrderFailure::DiskFull { step: FailedStep::File(step, path.display().to_string()) };
    }
    OrderFailure::FileFailed { step, path: path.display().to_string(), cause: cause.to_string() }
}

impl From<&RuntimeError> for OrderFailure {
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn from(error: &RuntimeError) -> Self {
        match error {
            RuntimeError::NoEngine { socket, .. } => Self::EngineUnreachable { socket: socket.clone() },
            RuntimeError::TooSlow { step, limit } => {
                Self::StepTooLong { step: step.clone(), limit: *limit, output: String::new() }
            }
            RuntimeError::Refused { step, reason, .. } => {
                Self::EngineRefused { step: step.clone(), answer: reason.clone() }
            }
            RuntimeError::Lost { step, source } => {
                Self::EngineConnectionLost { step: step.clone(), cause: source.to_string() }
            }
            RuntimeError::Interrupted { step } => Self::Interrupted { step: step.clone() },
            RuntimeError::NoImage { image } => Self::ImageNotFound { image: image.clone() },
            RuntimeError::ImageNotAllowed { image } => Self::ImageDenied { image: image.clone() },
            RuntimeError::NoRegistry { image, reason } => {
                Self::RegistryUnreachable { image: image.clone(), answer: reason.clone() }
            }
            RuntimeError::DiskFull { step } => Self::DiskFull { step: step.clone() },
            RuntimeError::PortTaken { port, holder, .. } => {
                Self::PortTaken { port: (*port).into(), holder: holder.clone() }
            }
            RuntimeError::NameTaken { name, id } => {
                Self::ForeignContainer { name: name.clone(), owner: PartOwner::Container { id: id.clone() } }
            }
            RuntimeError::NotThere { kind: "volume", name } => Self::VolumeMissing { name: name.clone() },
            RuntimeError::NotThere { kind: "network", name } => Self::NetworkMissing { name: name.clone() },
            RuntimeError::NotThere { kind, name } => Self::PartMissing { kind: (*kind).to_owned(), name: name.clone() },
            RuntimeError::OfOthers { kind, name, owner } => foreign(*kind, name, owner.into()),
            RuntimeError::BadName { name, reason } => {
                Self::InvalidName { name: name.clone(), problem: (*reason).into() }
            }
            RuntimeError::InUse { kind, name } => Self::PartInUse { kind: (*kind).to_owned(), name: name.clone() },
            RuntimeError::Unhealthy { container, detail } => {
                Self::ContainerUnhealthy { container: container.clone(), output: output(detail) }
            }
            RuntimeError::Ended { container, code, detail } => {
                Self::ContainerExited { container: container.clone(), code: *code, output: output(detail) }
            }
            RuntimeError::Write { path, source } => file(FileStep::Write, path, source),
            RuntimeError::Read { path, source } => file(FileStep::Read, path, source),
            RuntimeError::NoTool { service, tool, detail } => {
                Self::ToolMissing { service: service.clone(), tool: tool.clone(), answer: detail.clone() }
            }
            RuntimeError::ToolFailed { task, code, words } => tool_failed(task.clone(), *code, words),
            RuntimeError::ToolSilent { task, limit, words } => {
                Self::ToolStalled { tool: task.clone(), limit: *limit, output: output(words) }
            }
            RuntimeError::ToolSlow { task, limit, words } => {
                Self::ToolTooSlow { tool: task.clone(), limit: *limit, output: output(words) }
            }
            RuntimeError::BrokenOff { task, reason } => {
                Self::ToolStreamBroken { tool: task.clone(), cause: reason.clone() }
            }
            RuntimeError::NotRunning { container } => Self::ContainerNotRunning { container: container.clone() },
            RuntimeError::OutsideOfDirectory { path } => Self::PathOutside { path: path.clone() },
            RuntimeError::NoAddress { service, problem } => {
                Self::ServiceUnreachable { service: service.clone(), problem: problem.clone() }
            }
            RuntimeError::TooMuch { task, limit } => Self::ToolOutputTooLarge { tool: task.clone(), limit: *limit },
            RuntimeError::StillRuns { container } => Self::ContainerRuns { container: container.clone() },
            RuntimeError::NotMounted { volume } => Self::VolumeNotMounted { volume: volume.clone() },
            RuntimeError::NotInSpec { kind, name } => {
                Self::NotInRelease { kind: (*kind).to_owned(), name: name.clone() }
            }
        }
    }
}

/// Returns the failure of a tool: a mismatch of versions, if it complains about that.
fn tool_failed(task: ToolTask, code: i64, words: &str) -> OrderFailure {
    match VersionMismatch::find(words) {
        Some(VersionMismatch { database, database_version, tool, tool_version }) => OrderFailure::VersionMismatch {
            database: database.to_owned(),
            database_version,
            tool: tool.to_owned(),
            tool_version,
        },
        None => OrderFailure::ToolFailed { tool: task, code, output: output(words) },
    }
}

/// Returns the output of a container or tool without the punctuation before it.
fn output(text: &str) -> String {
    text.trim_start_matches([':', ',', ' ']).to_owned()
}
