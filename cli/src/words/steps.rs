//! Words of what is being done.

use super::{health, ledgers, progress};
use crate::format::one_line;
use fleet_core::activity::Activity;
use fleet_core::grammar::count;
use fleet_proto::convert::incoming_activity;
use fleet_proto::v1;

/// Returns the words of an activity as it came over the wire; empty where there is none.
pub fn shown(doing: Option<&v1::Activity>) -> String {
    let Some(doing) = doing else { return String::new() };
    let known = incoming_activity(doing.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::ActivityCode>("a step", doing.code, &doing.arguments))
}

/// Returns the words of a step, with its progress where it is known: `pull web:1.2 (3 of 12 MB)`.
pub fn with_progress(doing: Option<&v1::Activity>, far: Option<&v1::StepProgress>) -> String {
    let step = one_line(&shown(doing));
    match progress::shown(far).as_str() {
        "" => step,
        far => format!("{step} ({far})"),
    }
}

/// Returns the words of an activity.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(activity: &Activity) -> String {
    match activity {
        Activity::Text(text) => text.clone(),
        Activity::Together(all) => all.0.iter().map(words).collect::<Vec<_>>().join(", "),
        Activity::GoingBack(of) => format!("going back: {}", words(of)),
        Activity::OnTheWay(version, of) => format!("{version}, on its way: {}", words(of)),
        Activity::GoingOn(of) => format!("going on: {}", words(of)),
        Activity::TryingAgain(reason) => format!("{reason}; trying again"),
        // Steps on containers.
        Activity::Pull(image) => format!("pull {image}"),
        Activity::FindNetwork(network) => format!("find network {network}"),
        Activity::FindVolume(volume) => format!("find volume {volume}"),
        Activity::WriteFiles(paths) => format!("write {}", paths.join(", ")),
        Activity::RemoveFiles(paths) => format!("remove {}", paths.join(", ")),
        Activity::CreateNetwork(network) => format!("create network {network}"),
        Activity::CreateVolume(volume) => format!("create volume {volume}"),
        Activity::Create(name) => format!("create {name}"),
        Activity::Stop(name) => format!("stop {name}"),
        Activity::Remove(name) => format!("remove {name}"),
        Activity::Rename(from, name) => format!("rename {from} to {name}"),
        Activity::SetRestart(name) => format!("set the restart policy of {name}"),
        Activity::CopyingData(path) => format!("copy the data in {path}, for the way back"),
        Activity::RunningAction(service, command) => format!("run `{command}` in a container of {service}"),
        Activity::Start(name) => format!("start {name}"),
        Activity::WaitUntilHealthy(name, limit) => format!("wait until {name} is healthy (at most {limit})"),
        Activity::WaitUntilCompleted(name, limit) => format!("wait until {name} has completed (at most {limit})"),
        Activity::WaitForInstance => "wait until the instance is healthy".to_owned(),
        Activity::RemoveNetwork(network) => format!("remove network {network}"),
        Activity::RemoveVolume(volume) => format!("remove volume {volume} and its data"),
        Activity::WaitingUntilHealthy(None) => "waiting until it is healthy".to_owned(),
        Activity::WaitingUntilHealthy(Some(problem)) => {
            format!("waiting until it is healthy: {}", health::words(problem))
        }
        Activity::Preparing(release) => format!("preparing {release}"),
        // Work on data.
        Activity::PuttingRight => "putting right what was interrupted".to_owned(),
        Activity::ReadingFiles => "reading files".to_owned(),
        Activity::Rebuilding(store) => format!("rebuilding {store}"),
        Activity::WaitingForAnswer(service) => format!("waiting until {service} answers"),
        Activity::RemovingSandbox => "removing what the drill made".to_owned(),
        Activity::RemovingEarlierSandbox => "removing what an earlier drill made".to_owned(),
        Activity::PuttingBack(folder) => format!("putting {folder} back"),
        Activity::SettingAside(folder) => format!("moving {folder} aside"),
        Activity::RemovingFolder(folder) => format!("removing {folder}"),
        Activity::Loading(store) => format!("loading {store}"),
        Activity::LookingForBackup(backup, repository) => format!("looking for the backup {backup} in {repository}"),
        Activity::FillingBucket(store) => format!("filling the bucket of {store}"),
        Activity::PuttingBackBucket(store) => format!("putting back what was in the bucket of {store}"),
        Activity::WritingManifest => "writing the manifest".to_owned(),
        Activity::AskingForOthers(service) => format!("asking {service} what else it holds"),
        Activity::StartingRestored => "starting what was restored".to_owned(),
        Activity::Restoring(store) => format!("restoring {store}"),
        Activity::NotingDumps => "writing the dumps down".to_owned(),
        Activity::Dump(store) => format!("dump {store}"),
        Activity::Forgetting(number, repository) => format!("forgetting {} in {repository}", count(*number, "backup")),
        Activity::ReadingSideFiles => "reading the files beside the dumps".to_owned(),
        Activity::PlacingSideFiles(number, store) => format!("putting {} beside {store}", count(*number, "file")),
        Activity::LookingAtSideFiles(store) => format!("looking at the files beside {store}"),
        Activity::Pause(service) => format!("pause {service}"),
        Activity::LettingGoOn(service) => format!("letting {service} go on"),
        Activity::NotingFindings => "noting what was found".to_owned(),
        // Orders that the host has not reported yet.
        Activity::AskedToInstall(release) => format!("asked to install {release}"),
        Activity::AskedToUpgrade(from, to) => format!("asked to upgrade from {from} to {to}"),
        Activity::AskedToConfigure => "asked to change its configuration".to_owned(),
        Activity::AskedToStart => "asked to start".to_owned(),
        Activity::AskedToStop => "asked to stop".to_owned(),
        Activity::AskedToRestart => "asked to restart".to_owned(),
        Activity::AskedToRemove => "asked to be removed".to_owned(),
        Activity::AskedToBackUp => "asked to be backed up".to_owned(),
        Activity::AskedToDrill => "asked to prove its backup".to_owned(),
        Activity::AskedToRestore(backup) => format!("asked to be restored from {backup}"),
        Activity::AskedToForget => "asked to forget backups".to_owned(),
        Activity::ForgettingInstance => "forgetting it".to_owned(),
        Activity::LedgerUnreadable(problem) => format!("stuck: {}", ledgers::words(problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activities;
    use fleet_core::facts::StepProgress;

    #[test]
    fn steps_side_by_side_stand_in_one_line_with_their_progress() {
        let pull = |image: &str| Activity::Pull(image.to_owned());
        let both = Activity::GoingBack(Box::new(Activity::Together(Activities(vec![pull("web:1.2"), pull("db:1")]))));
        let far = StepProgress::of_bytes(3_000_000, Some(12_000_000)).into();
        let line = with_progress(Some(&both.into()), Some(&far));
        assert_eq!(line, "going back: pull web:1.2, pull db:1 (3 of 12 MB)");
        assert_eq!(with_progress(None, None), "");
        assert_eq!(
            shown(Some(&v1::Activity { code: 999, arguments: Vec::new() })),
            "a step that this version does not know (999)"
        );
    }
}
