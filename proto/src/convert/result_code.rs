//! Results of changes, reasons of the retention, and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::backup::{Keep, ManifestChange, RetentionReason};
use fleet_core::change_result::ChangeResult;

coded_message! {
    ChangeResult, ChangeResult, ChangeResultCode, incoming_change_result:
    Gone,
    Proven { backup, repository, host, took, checks },
    Restored { more, notes },
}

coded_message! {
    RetentionReason, RetentionReason, RetentionReasonCode, incoming_retention_reason:
    EarlierInstance,
    NoPolicy,
    NotAskedFor,
    Ambiguous,
    Young,
    SafetyBackup,
    DamagedLately,
    FailedLately,
    Newest,
    NewestRestorable,
    NewestProven,
    OldestUnproven,
    Held,
    NoGoodBackup,
    NothingRemoved,
    TimeUnknown,
    Last { number, limit },
    Hourly { number, limit, period },
    Daily { number, limit, period },
    Weekly { number, limit, period },
    Monthly { number, limit, period },
    Yearly { number, limit, period },
    Shrunk { bytes, before, before_bytes },
    Damaged(a),
    NotRestorable(a),
    NotKept(a),
}

coded_message! {
    ManifestChange, ManifestChange, ManifestChangeCode, incoming_manifest_change:
    Release { older, newer },
    Value { name },
    ImageChanged { service, older, newer },
    ImageAdded { service, image },
    ImageRemoved { service, image },
    StoreAdded { store },
    StoreRemoved { store },
    Size { store, older, newer, added },
    CountChanged { store, item, older, newer },
    CountAdded { store, item, count },
    CountRemoved { store, item, count },
}

impl Argument for Keep {
    fn put(self, to: &mut Vec<String>) {
        let Self { last, hourly, daily, weekly, monthly, yearly } = self;
        [last, hourly, daily, weekly, monthly, yearly].into_iter().for_each(|number| number.put(to));
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let mut number = || u32::take(from);
        let (last, hourly, daily) = (number()?, number()?, number()?);
        let (weekly, monthly, yearly) = (number()?, number()?, number()?);
        Some(Self { last, hourly, daily, weekly, monthly, yearly })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::DataNote;
    use std::time::Duration;

    #[test]
    fn a_result_of_each_code_comes_back_as_it_was() {
        let id = |digit: &str| digit.repeat(24).parse().expect("it is an id");
        let name = "central".parse().expect("it is a name");
        let host = "lab-1".parse().expect("it is a name");
        let took = Duration::from_millis(40_001);
        let notes = vec![DataNote::other("one"), DataNote::Tablespace { name: "two".to_owned() }];
        let results = [
            ChangeResult::Gone,
            ChangeResult::Proven { backup: id("3"), repository: name, host, took, checks: 5 },
            ChangeResult::Restored { more: 2, notes },
        ];
        let codes = (1..1000).filter_map(|number| v1::ChangeResultCode::try_from(number).ok());
        assert_eq!(codes.count(), results.len());
        for result in results {
            assert_eq!(incoming_change_result(result.clone().into()), Some(result));
        }
    }

    #[test]
    fn a_difference_of_each_code_comes_back_as_it_was() {
        let arguments = [vec!["a", "b", "c"], vec!["a@1", "a@2"], vec!["a", "1", "2", "3"]];
        for code in (1..1000).filter_map(|number| v1::ManifestChangeCode::try_from(number).ok()) {
            let read = |arguments: &Vec<&str>| {
                let arguments = arguments.iter().map(ToString::to_string).collect();
                incoming_manifest_change(v1::ManifestChange { code: code.into(), arguments })
            };
            let found = arguments.iter().find_map(read).unwrap_or_else(|| panic!("{code:?} cannot be read"));
            let message = v1::ManifestChange::from(found.clone());
            assert_eq!(message.code(), code);
            assert_eq!(incoming_manifest_change(message), Some(found));
        }
    }

    #[test]
    fn a_reason_of_each_code_comes_back_as_it_was() {
        let arguments = [
            vec!["BACKUP_DAMAGE_CODE_REPLACED"],
            vec!["2", "3f9a12bc0011223344556677", "3"],
            vec!["1", "2", "3", "4", "5", "6"],
            vec!["1", "ORDER_FAILURE_CODE_NO_STORES"],
        ];
        for code in (1..1000).filter_map(|number| v1::RetentionReasonCode::try_from(number).ok()) {
            let read = |arguments: &Vec<&str>| {
                let arguments = arguments.iter().map(ToString::to_string).collect();
                incoming_retention_reason(v1::RetentionReason { code: code.into(), arguments })
            };
            let found = arguments.iter().find_map(read).unwrap_or_else(|| panic!("{code:?} cannot be read"));
            let message = v1::RetentionReason::from(found.clone());
            assert_eq!(message.code(), code);
            assert_eq!(incoming_retention_reason(message), Some(found));
        }
    }
}
