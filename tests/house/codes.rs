//! Codes that the programs send are read as they were written, and `fleet` has words for each.

use fleet_proto::convert::{
    incoming_admission_refusal, incoming_archive_note, incoming_backup_damage, incoming_backup_doubt,
    incoming_backup_problem, incoming_backup_refusal, incoming_call_refusal, incoming_change_result,
    incoming_data_note, incoming_drill_check, incoming_dump_error, incoming_event_kind, incoming_failed_step,
    incoming_file_refusal, incoming_host_event, incoming_ledger_problem, incoming_manifest_change,
    incoming_missing_reply, incoming_order_summary, incoming_policy_refusal, incoming_problem, incoming_query_failure,
    incoming_repository_problem, incoming_retention_reason, incoming_rollout_refusal, incoming_side_file_gap,
    incoming_store_difference, incoming_store_problem, incoming_tool_task, incoming_uncovered_data,
    incoming_undeliverable_reason,
};
use fleet_proto::v1;
use fleet_proto::words::CodedMessage;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Texts that are the argument of some code: a number, a name that is also a backup's id, a release, a role, a machine, and the
/// names of codes.
const ARGUMENTS: [&str; 31] = [
    "1",
    "2",
    "true",
    "abcdefabcdefabcdefabcdef",
    "a@1",
    "viewer",
    "a/b/c",
    "ORDER_SUMMARY_CODE_STOP",
    "BACKUP_PROBLEM_CODE_NO_BACKUP",
    "REPOSITORY_PROBLEM_CODE_TEXT",
    "ORDER_FAILURE_CODE_UNKNOWN_OUTCOME",
    "PROBLEM_CODE_NEVER_BACKED_UP",
    "UNDELIVERABLE_REASON_CODE_TEXT",
    "HEALTH_PROBLEM_CODE_HOST_DUPLICATE",
    "STORE_GAP_CODE_VOLUME_MISSING",
    "DATA_LEFTOVER_CODE_REMOVAL_TOO_SLOW",
    "STORE_ENGINE_REDIS",
    "FILE_KIND_SNAPSHOT",
    "BACKUP_DAMAGE_CODE_INDEX_UNREADABLE",
    "UNDECLARED_DATA_CODE_UNNAMED_VOLUME",
    "0",
    "HOST_EVENT_CODE_HEALED",
    "POLICY_REFUSAL_CODE_NO_WAY_BACK",
    "10m",
    "UNCOVERED_DATA_CODE_NOTHING_FOUND",
    "LEDGER_PROBLEM_CODE_NO_GOAL",
    "SIDE_FILE_GAP_CODE_FOLDER_UNREADABLE",
    "ARCHIVE_NOTE_CODE_SOCKET",
    "RESTORE_NOTE_CODE_SET_ID_CLEARED",
    "MANIFEST_ERROR_CODE_DAMAGED",
    "TOOL_TASK_CODE_DUMP_OF_STORE",
];
/// The same for refused calls: a number, a name that is also a backup's id, a release, a role, values of small enums, a subject, and
/// the names of codes.
const OF_REFUSALS: [&str; 18] = [
    "1",
    "2",
    "abcdefabcdefabcdefabcdef",
    "a@1",
    "viewer",
    "host",
    "images",
    "render releases",
    "region",
    "operator:ada",
    "BACKUP_REFUSAL_CODE_NO_BACKUP_YET",
    "ADMISSION_REFUSAL_CODE_TOKEN_REUSED",
    "FILE_REFUSAL_CODE_OCCUPIED",
    "ROLLOUT_REFUSAL_CODE_NO_TIME",
    "POLICY_REFUSAL_CODE_NO_WAY_BACK",
    "ORDER_FAILURE_CODE_UNKNOWN_OUTCOME",
    "QUERY_FAILURE_CODE_NOT_UNDERSTOOD",
    "UNDELIVERABLE_REASON_CODE_TEXT",
];
/// Maximum number of arguments of a code.
const MOST: u32 = 5;

/// Returns the lists with a number of arguments.
fn lists(of: &[&str], length: u32) -> impl Iterator<Item = Vec<String>> {
    let digit = |number: usize, place: u32| number / of.len().pow(place) % of.len();
    (0..of.len().pow(length)).map(move |number| (0..length).map(|place| of[digit(number, place)].to_owned()).collect())
}

/// Returns words without what is between backquotes, such as keys of files.
fn prose(words: &str) -> String {
    words.split('`').step_by(2).collect()
}

/// Finds the fewest arguments with which each code is read and written again as it was, and checks its words.
fn check<M: Clone + PartialEq + Debug + From<K>, K>(
    arguments: &[&str],
    codes: impl Iterator<Item = (i32, String)>,
    message: impl Fn(i32, Vec<String>) -> M,
    read: impl Fn(M) -> Option<K>,
    words: impl Fn(&M) -> String,
) {
    let mut all = BTreeSet::new();
    for (code, name) in codes {
        let fewest = (0..=MOST).find_map(|length| {
            let is_whole = |message: &M| read(message.clone()).map(M::from).as_ref() == Some(message);
            lists(arguments, length).map(|list| message(code, list)).find(is_whole)
        });
        let fewest = fewest.unwrap_or_else(|| panic!("{name} cannot be read with any of {arguments:?}"));
        let words = words(&fewest);
        assert!(!words.is_empty() && !prose(&words).contains('_'), "{name} has no words: `{words}`");
        assert!(all.insert(words.clone()), "{name} has the words of another code: `{words}`");
    }
    assert!(all.len() > 5, "only {} codes were found", all.len());
}

macro_rules! checks {
    ($of:ident: $($test:ident: $message:ident, $code:ident, $read:ident;)*) => {
        $(#[test]
        fn $test() {
            let codes = (1..1000).filter_map(|code| {
                let known = v1::$code::try_from(code).ok()?;
                Some((code, known.as_str_name().to_owned()))
            });
            let message = |code, arguments| v1::$message { code, arguments };
            check(&$of, codes, message, $read, |message| fleet_cli::words_of(CodedMessage::$message(message)));
        })*
    };
}

checks! {
    ARGUMENTS:
    each_problem_is_read_as_it_was_written_and_has_words: Problem, ProblemCode, incoming_problem;
    each_problem_of_backups_is_read_and_has_words: BackupProblem, BackupProblemCode, incoming_backup_problem;
    each_problem_of_a_repository_is_read_and_has_words: RepositoryProblem, RepositoryProblemCode, incoming_repository_problem;
    each_reason_of_a_withheld_order_is_read_and_has_words: UndeliverableReason, UndeliverableReasonCode, incoming_undeliverable_reason;
    each_order_in_short_is_read_and_has_words: OrderSummary, OrderSummaryCode, incoming_order_summary;
    each_remark_of_work_on_data_is_read_and_has_words: DataNote, DataNoteCode, incoming_data_note;
    each_remark_about_an_archived_file_is_read_and_has_words: ArchiveNote, ArchiveNoteCode, incoming_archive_note;
    each_difference_of_two_backups_is_read_and_has_words: ManifestChange, ManifestChangeCode, incoming_manifest_change;
    each_uncovered_data_is_read_and_has_words: UncoveredData, UncoveredDataCode, incoming_uncovered_data;
    each_file_beside_a_dump_is_read_and_has_words: SideFileGap, SideFileGapCode, incoming_side_file_gap;
    each_problem_of_a_ledger_is_read_and_has_words: LedgerProblem, LedgerProblemCode, incoming_ledger_problem;
    each_damage_of_a_backup_is_read_and_has_words: BackupDamage, BackupDamageCode, incoming_backup_damage;
    each_doubt_about_a_backup_is_read_and_has_words: BackupDoubt, BackupDoubtCode, incoming_backup_doubt;
    each_comparison_of_a_drill_is_read_and_has_words: DrillCheck, DrillCheckCode, incoming_drill_check;
    each_difference_of_a_store_is_read_and_has_words: StoreDifference, StoreDifferenceCode, incoming_store_difference;
    each_problem_of_a_store_is_read_and_has_words: StoreProblem, StoreProblemCode, incoming_store_problem;
    each_failed_step_is_read_and_has_words: FailedStep, FailedStepCode, incoming_failed_step;
    each_task_of_a_tool_is_read_and_has_words: ToolTask, ToolTaskCode, incoming_tool_task;
    each_missing_reply_is_read_and_has_words: MissingReply, MissingReplyCode, incoming_missing_reply;
    each_fault_of_a_dump_is_read_and_has_words: DumpError, DumpErrorCode, incoming_dump_error;
    each_event_is_read_as_it_was_written_and_has_words: EventKind, EventCode, incoming_event_kind;
    each_refusal_of_a_policy_is_read_as_it_was_written_and_has_words: PolicyRefusal, PolicyRefusalCode, incoming_policy_refusal;
    each_event_of_a_host_is_read_as_it_was_written_and_has_words: HostEvent, HostEventCode, incoming_host_event;
}

checks! {
    OF_REFUSALS:
    each_refusal_is_read_and_has_words: CallRefusal, CallRefusalCode, incoming_call_refusal;
    each_refusal_about_backups_is_read_and_has_words: BackupRefusal, BackupRefusalCode, incoming_backup_refusal;
    each_refusal_of_a_machine_is_read_and_has_words: AdmissionRefusal, AdmissionRefusalCode, incoming_admission_refusal;
    each_refusal_of_a_file_is_read_and_has_words: FileRefusal, FileRefusalCode, incoming_file_refusal;
    each_failure_of_a_query_is_read_and_has_words: QueryFailure, QueryFailureCode, incoming_query_failure;
    each_refusal_of_a_rollout_is_read_and_has_words: RolloutRefusal, RolloutRefusalCode, incoming_rollout_refusal;
}

#[test]
fn each_reason_of_the_retention_has_words() {
    let texts = [
        &["BACKUP_DAMAGE_CODE_REPLACED"][..],
        &["2", "3f9a12bc0011223344556677", "3"],
        &["1"; 6],
        &["1", "ORDER_FAILURE_CODE_UNKNOWN_OUTCOME"],
    ];
    for code in (1..1000).filter_map(|code| v1::RetentionReasonCode::try_from(code).ok()) {
        let message = |texts: &&[&str]| {
            let arguments = texts.iter().map(ToString::to_string).collect();
            v1::RetentionReason { code: code.into(), arguments }
        };
        let is_as_written = |it: &v1::RetentionReason| {
            let back = incoming_retention_reason(it.clone()).map(v1::RetentionReason::from);
            back.is_some_and(|back| it.arguments.starts_with(&back.arguments))
        };
        let readable = texts.iter().map(message).find(is_as_written);
        let reason = readable.unwrap_or_else(|| panic!("{code:?} cannot be read with {texts:?}"));
        let words = fleet_cli::words_of(CodedMessage::RetentionReason(&reason));
        assert!(!words.is_empty() && !words.contains('_'), "{reason:?}: {words}");
    }
}

#[test]
fn each_result_of_a_change_has_words() {
    let texts = [
        &[][..],
        &["3f9a12bc0011223344556677", "central", "lab-1", "40000", "5"],
        &["0", "2", "DATA_NOTE_CODE_OTHER", "a note"],
    ];
    for code in (1..1000).filter_map(|code| v1::ChangeResultCode::try_from(code).ok()) {
        let message = |texts: &&[&str]| {
            let arguments = texts.iter().map(ToString::to_string).collect();
            v1::ChangeResult { code: code.into(), arguments }
        };
        let readable = texts.iter().rev().map(message).find(|it| incoming_change_result(it.clone()).is_some());
        let result = readable.unwrap_or_else(|| panic!("{code:?} cannot be read with {texts:?}"));
        let words = fleet_cli::words_of(CodedMessage::ChangeResult(&result));
        assert!(!words.is_empty() && !words.contains('_'), "{result:?}: {words}");
    }
}
