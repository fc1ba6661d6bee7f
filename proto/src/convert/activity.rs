//! Activities and their progress. An activity or a unit that this version does not know is left out.

use super::arguments::{Argument, coded_message};
use super::{ConvertError, enumeration};
use crate::v1;
use fleet_core::activity::{Activities, Activity};
use fleet_core::facts::{ProgressUnit, StepProgress};

coded_message! {
    Activity, Activity, ActivityCode, read_activity:
    Text(a),
    Together(a),
    GoingBack(a),
    OnTheWay(a, b),
    GoingOn(a),
    TryingAgain(a),
    Pull(a),
    FindNetwork(a),
    FindVolume(a),
    WriteFiles(a),
    RemoveFiles(a),
    CreateNetwork(a),
    CreateVolume(a),
    Create(a),
    Stop(a),
    Remove(a),
    Rename(a, b),
    SetRestart(a),
    CopyingData(a),
    RunningAction(a, b),
    Start(a),
    WaitUntilHealthy(a, b),
    WaitUntilCompleted(a, b),
    WaitForInstance,
    RemoveNetwork(a),
    RemoveVolume(a),
    WaitingUntilHealthy(a),
    Preparing(a),
    PuttingRight,
    ReadingFiles,
    Rebuilding(a),
    WaitingForAnswer(a),
    RemovingSandbox,
    RemovingEarlierSandbox,
    PuttingBack(a),
    SettingAside(a),
    RemovingFolder(a),
    Loading(a),
    LookingForBackup(a, b),
    FillingBucket(a),
    PuttingBackBucket(a),
    WritingManifest,
    AskingForOthers(a),
    StartingRestored,
    Restoring(a),
    NotingDumps,
    Dump(a),
    Forgetting(a, b),
    ReadingSideFiles,
    PlacingSideFiles(a, b),
    LookingAtSideFiles(a),
    Pause(a),
    LettingGoOn(a),
    NotingFindings,
    AskedToInstall(a),
    AskedToUpgrade(a, b),
    AskedToConfigure,
    AskedToStart,
    AskedToStop,
    AskedToRestart,
    AskedToRemove,
    AskedToBackUp,
    AskedToDrill,
    AskedToRestore(a),
    AskedToForget,
    ForgettingInstance,
    LedgerUnreadable(a),
}

/// The most levels of activities in an activity: it is read by a recursion, and kept.
const LEVELS: usize = 8;

/// Reads an activity.
pub fn incoming_activity(message: v1::Activity) -> Option<Activity> {
    read_activity(message).filter(|activity| activity.depth() <= LEVELS)
}

/// The last field: the code of each activity, the number of its arguments, and the arguments.
impl Argument for Activities {
    fn put(self, to: &mut Vec<String>) {
        for activity in self.0 {
            let message = v1::Activity::from(activity);
            to.push(message.code().as_str_name().to_owned());
            message.arguments.len().put(to);
            to.extend(message.arguments);
        }
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let mut all = Vec::new();
        while let Some(code) = from.next() {
            let code = v1::ActivityCode::from_str_name(&code)?.into();
            let number = usize::take(from)?;
            let arguments = from.take(number).collect();
            all.push(read_activity(v1::Activity { code, arguments })?);
        }
        Some(Self(all))
    }
}

enumeration!(ProgressUnit, ProgressUnit, "progress.unit":
    Bytes => Bytes,
    HealthyMilliseconds => HealthyMilliseconds,
    Milliseconds => Milliseconds,
);

impl From<StepProgress> for v1::StepProgress {
    fn from(progress: StepProgress) -> Self {
        let StepProgress { done, total, unit } = progress;
        Self { done, total, unit: v1::ProgressUnit::from(unit).into() }
    }
}

/// Reads a progress.
pub fn incoming_progress(message: v1::StepProgress) -> Option<StepProgress> {
    let v1::StepProgress { done, total, unit } = message;
    let unit = v1::ProgressUnit::try_from(unit).ok()?.try_into().ok()?;
    Some(StepProgress { done, total, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An activity of each code, with arguments that it can be read with.
    fn activities() -> Vec<Activity> {
        let arguments = [["a", "1m"], ["a", "a"], ["1", "a"], ["a@1", ""], ["0123456789abcdef01234567", "a"]];
        let codes = (1..1000).filter_map(|number| v1::ActivityCode::try_from(number).ok());
        let read = |code: v1::ActivityCode| {
            let with = |arguments: &[&str]| {
                let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
                incoming_activity(v1::Activity { code: code.into(), arguments })
            };
            let nested = ["ACTIVITY_CODE_PULL", "1", "a", "ACTIVITY_CODE_FORGETTING", "2", "3", "a"];
            let inner = ["2", "ACTIVITY_CODE_PULL", "a"];
            let on_the_way = ["1.3", "2", "ACTIVITY_CODE_PULL", "a"];
            let found = arguments.iter().find_map(|arguments| with(arguments));
            found
                .or_else(|| with(&["HEALTH_PROBLEM_CODE_CONTAINER_DEAD", "a"]))
                .or_else(|| with(&["LEDGER_PROBLEM_CODE_NO_GOAL"]))
                .or_else(|| with(&nested))
                .or_else(|| with(&inner))
                .or_else(|| with(&on_the_way))
                .unwrap_or_else(|| panic!("{code:?} cannot be read"))
        };
        codes.map(read).collect()
    }

    #[test]
    fn each_activity_comes_back_as_it_was() {
        let all = activities();
        assert!(all.len() > 50, "{}", all.len());
        for activity in all {
            assert_eq!(incoming_activity(activity.clone().into()), Some(activity));
        }
    }

    #[test]
    fn an_activity_of_many_levels_is_none() {
        let nested = |levels: usize| {
            let start = Activity::PuttingRight;
            (1..levels).fold(start, |inner, _| Activity::GoingBack(Box::new(inner)))
        };
        assert_eq!(incoming_activity(nested(LEVELS).into()), Some(nested(LEVELS)));
        assert_eq!(incoming_activity(nested(LEVELS + 1).into()), None);
        let arguments = vec!["ACTIVITY_CODE_GOING_BACK".to_owned(); 1_000_000];
        let endless = v1::Activity { code: v1::ActivityCode::GoingBack.into(), arguments };
        assert_eq!(incoming_activity(endless), None);
        assert_eq!(incoming_activity(v1::Activity { code: 10_000, arguments: Vec::new() }), None);
    }

    #[test]
    fn a_progress_comes_back_as_it_was() {
        for unit in [ProgressUnit::Bytes, ProgressUnit::HealthyMilliseconds, ProgressUnit::Milliseconds] {
            for total in [None, Some(12)] {
                let progress = StepProgress { done: 3, total, unit };
                assert_eq!(incoming_progress(progress.into()), Some(progress));
            }
        }
        assert_eq!(incoming_progress(v1::StepProgress { done: 3, total: None, unit: 17 }), None);
    }
}
