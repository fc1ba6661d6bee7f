//! Plans and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::not_asked::{MemberNotAsked, NotAskedReason};
use fleet_core::planned_change::PlannedChange;
use fleet_core::rendering_failure::RenderingFailure;
use fleet_core::spec::RecreateReason;

coded_message! {
    PlannedChange, PlannedChange, PlannedChangeCode, incoming_planned_change:
    ServiceCreated(a),
    ServiceRecreated { service, more, because },
    ServiceRemoved(a),
    VolumeCreated(a),
    VolumeUnused(a),
    FileNew(a),
    FileChanged(a),
    FileRemoved(a),
    DriftHealed,
    DriftReported,
    ValuesReplaceNewer { revision },
    NotRenderable(a),
    NotCompared { instance, host },
    HostNotAsked { host, reason },
    HostObjects { host, failure },
    PolicyNotCompared,
    Started,
    Stopped,
    Restarted,
    ContainersRemoved,
    VolumeDeleted(a),
    VolumeKept(a),
    DataRead(a),
    StoreNotCovered { store, reason },
    Drilled { backup, repository },
    DrillRemoved,
    BackupOfEarlier(a),
    NoSafetyBackup,
    SafetyBackup(a),
    DataCopied(a),
    DataOfNewer { version, instance, backup },
    DataReplaced { backup, began, repository },
    StoreReplaced { store, backup, began, repository },
    StoreRebuildable(a),
    StoreKept(a),
    ServicesStopped,
    ReleaseReturned { present, release },
    PrivilegesCleared { made_on },
    OtherDataReplaced(a),
    OtherDataInTheWay(a),
    OtherDataNotKnown,
    SideFiles { store, count, names },
    SideFilesKept(a),
    SideFilesMissing(a),
    SideFilesNotKnown,
    Rebuilt { store, service, command, limit },
    RebuildsNotKnown,
    MadeFromBackup { instance, host, release, backup, of, began, repository },
    NotInBackup(a),
    ValueChanged { value, present, previous },
    ValueSet { value, previous },
    ValueUnset { value, present },
    SecretPutBack { value },
    LeftOut(a),
    BegunBefore(a),
}

coded_message! {
    RecreateReason, RecreateReason, RecreateReasonCode, incoming_recreate_reason:
    Image(a, b),
    EnvironmentChanged(a, b, c),
    EnvironmentAdded(a, b),
    EnvironmentRemoved(a),
    CommandChanged(a, b),
    CommandSet(a),
    CommandUnset(a),
    EntrypointChanged(a, b),
    EntrypointSet(a),
    EntrypointUnset(a),
    File(a),
    LabelChanged(a, b, c),
    LabelAdded(a, b),
    LabelRemoved(a),
    PortRemoved(a),
    PortAdded(a),
    Field(a),
    Network(a),
    Description,
}

coded_message! {
    NotAskedReason, NotAskedReason, NotAskedReasonCode, incoming_not_asked_reason:
    NotRendered(a),
    TooMany { limit },
    NoTimeLeft,
    Offline,
    JustConnected,
    AgentTooOld,
    NoAnswer { waited },
    CutOff,
    HostBusy,
    TooManyQueries { limit },
    Failed(a),
}

coded_message! {
    RenderingFailure, RenderingFailure, RenderingFailureCode, incoming_rendering_failure:
    Other { text },
    Failed { problem },
    RenderersBusy,
    ValuesInvalid { more, problems },
    ReleaseInvalid { more, problems },
}

coded_message! {
    MemberNotAsked, MemberNotAsked, MemberNotAskedCode, incoming_member_not_asked:
    Member { instance, host, reason },
    Text(a),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    /// Reads each code with the first arguments that it can be read with, and checks that it is written and read again as it was.
    fn check<K: Clone + PartialEq + Debug, M: From<K>>(
        codes: impl Iterator<Item = i32>,
        message: impl Fn(i32, Vec<String>) -> M,
        code_of: impl Fn(&M) -> i32,
        read: impl Fn(M) -> Option<K>,
    ) {
        const BACKUP: &str = "0123456789abcdef01234567";
        let arguments: [&[&str]; 16] = [
            &["1.2", "notes-1", BACKUP],
            &["a", "STORE_GAP_CODE_VOLUME_MISSING", "b"],
            &["a", "2", "2", "RECREATE_REASON_CODE_FIELD", "mounts", "1", "RECREATE_REASON_CODE_DESCRIPTION"],
            &["a", "2", "NOT_ASKED_REASON_CODE_NO_ANSWER", "6000"],
            &["a", "b", "2", "NOT_ASKED_REASON_CODE_NO_ANSWER", "6000"],
            &["1", "LEFT_OUT_REASON_CODE_NOT_INSTALLED"],
            &["a", "b", "a@1", BACKUP, "c", "900", "central"],
            &["a", BACKUP, "900", "central"],
            &[BACKUP, "900", "central"],
            &["a", "b", "c", "30m"],
            &["a", "1", "c"],
            &["a", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
            &["1"],
            &["QUERY_FAILURE_CODE_OTHER", "no answer"],
            &["UNCOVERED_DATA_CODE_DATABASE", "db", "sales"],
            &["RENDERING_FAILURE_CODE_VALUES_INVALID", "1", "no port", "no name"],
        ];
        let mut count = 0;
        for code in codes {
            let with = |arguments: &&[&str]| read(message(code, arguments.iter().map(ToString::to_string).collect()));
            let value = arguments.iter().find_map(with).unwrap_or_else(|| panic!("{code} cannot be read"));
            let written = M::from(value.clone());
            assert_eq!(code_of(&written), code);
            assert_eq!(read(written), Some(value));
            count += 1;
        }
        assert!(count > 1, "only {count} codes were found");
    }

    macro_rules! checks {
        ($($test:ident: $message:ident, $code:ident, $read:ident;)*) => {
            $(#[test]
            fn $test() {
                let codes = (1..1000).filter(|code| v1::$code::try_from(*code).is_ok());
                check(codes, |code, arguments| v1::$message { code, arguments }, |message| message.code, $read);
            })*
        };
    }

    checks! {
        each_planned_change_comes_back_as_it_was: PlannedChange, PlannedChangeCode, incoming_planned_change;
        each_reason_to_recreate_comes_back_as_it_was: RecreateReason, RecreateReasonCode, incoming_recreate_reason;
        each_reason_not_to_ask_comes_back_as_it_was: NotAskedReason, NotAskedReasonCode, incoming_not_asked_reason;
        each_failure_of_a_rendering_comes_back_as_it_was: RenderingFailure, RenderingFailureCode, incoming_rendering_failure;
        each_member_not_asked_comes_back_as_it_was: MemberNotAsked, MemberNotAskedCode, incoming_member_not_asked;
    }

    #[test]
    fn many_long_reasons_to_recreate_a_service_can_be_read() {
        let text = |letter: &str| letter.repeat(RecreateReason::TEXT_LIMIT);
        let reason = |number: usize| RecreateReason::EnvironmentChanged(format!("V{number}"), text("ü"), text("x"));
        let diff = fleet_core::spec::SpecDiff {
            services: vec![fleet_core::spec::ServiceDiff {
                service: "web".to_owned(),
                change: fleet_core::spec::SpecChange::Recreated { because: (0..200).map(reason).collect() },
            }],
            ..Default::default()
        };
        let changes = PlannedChange::of_diff(&diff);
        let read: Vec<_> = changes.iter().map(|change| incoming_planned_change(change.clone().into())).collect();
        assert_eq!(read, changes.into_iter().map(Some).collect::<Vec<_>>());
    }
}
