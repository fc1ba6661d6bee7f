//! Reasons and their codes. A code that this version does not know, or whose arguments it cannot read, is no reason.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::reason::{LeftOutReason, WaitReason};

coded_message! {
    WaitReason, WaitReason, WaitReasonCode, incoming_wait_reason:
    HostRemoved,
    HostNeverSeen,
    HostOffline { since },
    HostReturning { until },
    HostDuplicate { since },
    HostHours { opens },
    AppForbidden { app },
    AgentTooOld { lacks },
    NotReported,
    NotReportedSinceOrder,
    NotInstalled,
    Busy { step },
    NewerValues { said, wanted },
    NeverEmpty { instance, backup },
    NeverEmptyAsOf { of },
    OtherOrder,
    DataOrder { order, since },
    OrderOverdue { since },
    EndedOtherwise { order },
    OrderRolledBack { order, failure },
    OrderStuck { order, failure },
    OrderRefused { order, failure },
    OrderFailed { order, failure },
    Blocked { order, by },
    RolloutAborted,
    RolloutDone,
    RolloutHalted { rollout },
    RolloutPaused,
    WindowClosed { opens },
    WindowTooShort { closes, opens },
    Soaking { until },
    LaterWave,
    LabelLimit { limit, label, value },
    Asked,
    CatchesUp,
    Stopped,
    OtherDrill,
    DataLimit { limit },
    PolicyWindow { opens },
    NextAttempt { order, attempts, limit, again, failure },
    NoMoreAttempts { order, attempts, limit, failure },
}

coded_message! {
    LeftOutReason, LeftOutReason, LeftOutReasonCode, incoming_left_out_reason:
    Text(text),
    BeingRemoved,
    Removed,
    Forbidden { host, app },
    NotReported,
    NotInstalled,
    BeingInstalled,
    AlreadyThere,
    Elsewhere { version },
    ValuesLost { revision },
    ValueSealed { value },
    Refused { reason },
    ProjectChanges { present, planned },
    NamesHeld { host, more, names },
    Newer { version },
    HopFirst { version, why },
    Stopped { through },
    NotRunYet { version },
    ActionsForbidden { host },
    StopMissing { version, why },
    NoUpgrade { from, to },
    TwoUpgrades { from, to, first, second },
    NotOrdered { version },
    HostRefuses { host, failure },
    PolicyForbids { host, more, refusals },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_each_code_comes_back_as_it_was() {
        let arguments = [
            vec!["0123456789abcdef01234567"; 2],
            vec!["1"; 3],
            vec!["1", "site", "fr"],
            vec!["ACTIVITY_CODE_ASKED_TO_START"],
            vec!["install", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
            vec!["install", "1", "4", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
            vec!["install", "1", "4", "900", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
            vec!["backup", "2", "WAIT_REASON_CODE_HOST_OFFLINE", "900"],
        ];
        let codes = (1..10_000).filter_map(|number| v1::WaitReasonCode::try_from(number).ok());
        for code in codes {
            let with = |arguments: &Vec<&str>| {
                let arguments = arguments.iter().map(ToString::to_string).collect();
                incoming_wait_reason(v1::WaitReason { code: code.into(), arguments })
            };
            let reason = arguments.iter().find_map(with).unwrap_or_else(|| panic!("{code:?} cannot be read"));
            let message = v1::WaitReason::from(reason.clone());
            assert_eq!(message.code(), code);
            assert_eq!(incoming_wait_reason(message), Some(reason));
        }
    }

    #[test]
    fn a_reason_of_each_left_out_instance_comes_back_as_it_was() {
        let arguments: [&[&str]; 4] = [
            &["1", "app", "1", "2"],
            &["lab-1", "1", "port", "80/tcp", "notes-2"],
            &["lab-1", "1", "2", "POLICY_REFUSAL_CODE_MOUNT", "/srv"],
            &["lab-1", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
        ];
        let codes = (1..10_000).filter_map(|number| v1::LeftOutReasonCode::try_from(number).ok());
        for code in codes {
            let with = |arguments: &&[&str]| {
                let arguments = arguments.iter().map(ToString::to_string).collect();
                incoming_left_out_reason(v1::LeftOutReason { code: code.into(), arguments })
            };
            let reason = arguments.iter().find_map(with).unwrap_or_else(|| panic!("{code:?} cannot be read"));
            let message = v1::LeftOutReason::from(reason.clone());
            assert_eq!(message.code(), code);
            assert_eq!(incoming_left_out_reason(message), Some(reason));
        }
    }

    #[test]
    fn a_reason_nested_without_end_is_no_reason() {
        let arguments = ["backup", "1000", "WAIT_REASON_CODE_BLOCKED"].map(str::to_owned);
        let code = v1::WaitReasonCode::Blocked.into();
        let deep = v1::WaitReason { code, arguments: arguments.iter().cycle().take(200_000).cloned().collect() };
        assert_eq!(incoming_wait_reason(deep), None);
    }
}
