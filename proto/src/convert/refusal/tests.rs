//! Round trips of refusals.

use super::*;
use std::fmt::Debug;

/// Arguments with which some code can be read.
const LISTS: [&[&str]; 16] = [
    &[],
    &["1", "2", "3"],
    &["fleet_at_once", "70", "1", "64"],
    &["host", "lab-1"],
    &["images", "5"],
    &["render releases", "5"],
    &["administrator", "ada", "viewer"],
    &["operator:ada", "5"],
    &["notes@1.2", "1.1", "notes@1.1"],
    &["notes@1.2", "1", "notes@1.1"],
    &["0123456789abcdef01234567", "0", "3f9a12bc", "central", "1000", "5"],
    &["lab-1", "2", "port", "8080", "notes-1", "volume", "data", "notes-2"],
    &[
        "notes@1.2",
        "1",
        "notes-1",
        "1",
        "LEFT_OUT_REASON_CODE_REMOVED",
        "notes-2",
        "2",
        "LEFT_OUT_REASON_CODE_ELSEWHERE",
        "1.1",
    ],
    &["notes@1.2", "1", "2", "notes-7"],
    &["region"],
    &["3f9a12bc0011223344556677", "BACKUP_DAMAGE_CODE_INDEX_UNREADABLE"],
];

const NESTED: [&[&str]; 8] = [
    &["1", "BACKUP_REFUSAL_CODE_NO_BACKUP_YET"],
    &["2", "UNDELIVERABLE_REASON_CODE_TEXT", "a"],
    &["1", "ADMISSION_REFUSAL_CODE_TOKEN_REUSED"],
    &["1", "FILE_REFUSAL_CODE_OCCUPIED"],
    &["1", "ROLLOUT_REFUSAL_CODE_NO_TIME"],
    &["lab-1", "1", "2", "POLICY_REFUSAL_CODE_MOUNT", "/srv"],
    &["lab-1", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
    &["lab-1", "2", "QUERY_FAILURE_CODE_OTHER", "no answer"],
];

/// Checks that a value of each code comes back as it was, and returns the number of codes.
fn check<M: Clone + From<K>, K: Clone + PartialEq + Debug>(
    codes: impl Iterator<Item = (i32, &'static str)>,
    message: impl Fn(i32, Vec<String>) -> M,
    read: impl Fn(M) -> Option<K>,
) -> usize {
    let mut count = 0;
    for (code, name) in codes {
        let texts = |list: &&[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut values = LISTS.iter().chain(&NESTED).filter_map(|list| read(message(code, texts(list))));
        let value = values.next().unwrap_or_else(|| panic!("{name} cannot be read"));
        assert_eq!(read(M::from(value.clone())), Some(value), "{name}");
        count += 1;
    }
    count
}

macro_rules! checks {
    ($($test:ident: $message:ident, $code:ident, $read:ident, $least:literal;)*) => {
        $(#[test]
        fn $test() {
            let known = (1..1000).filter_map(|code| Some((code, v1::$code::try_from(code).ok()?.as_str_name())));
            let count = check(known, |code, arguments| v1::$message { code, arguments }, $read);
            assert!(count >= $least, "{count}");
        })*
    };
}

checks! {
    each_refusal_comes_back: CallRefusal, CallRefusalCode, incoming_call_refusal, 60;
    each_refusal_about_backups_comes_back: BackupRefusal, BackupRefusalCode, incoming_backup_refusal, 30;
    each_refusal_of_a_machine_comes_back: AdmissionRefusal, AdmissionRefusalCode, incoming_admission_refusal, 10;
    each_refusal_of_a_file_comes_back: FileRefusal, FileRefusalCode, incoming_file_refusal, 15;
    each_refusal_of_a_rollout_comes_back: RolloutRefusal, RolloutRefusalCode, incoming_rollout_refusal, 15;
}

#[test]
fn each_attempt_comes_back() {
    for attempt in Attempt::ALL {
        assert_eq!(Attempt::try_from(v1::AttemptCode::from(*attempt)).as_ref(), Ok(attempt));
    }
}
