//! Command lines in the documentation and in the programs' examples are ones that the programs understand.

use crate::help::programs;
use crate::house;
use clap::Command;
use clap::error::ErrorKind;
use fleet_proto::convert::{
    incoming_activity, incoming_data_leftover, incoming_health_problem, incoming_hint, incoming_left_out_reason,
    incoming_probe_failure, incoming_probe_target, incoming_store_gap, incoming_undeclared_data, incoming_wait_reason,
};
use fleet_proto::v1::{
    self, ActivityCode, DataLeftoverCode, DriftCode, HealthProblemCode, HintCode, LeftOutReasonCode, ProbeFailureCode,
    ProbeTargetCode, StoreGapCode, UndeclaredDataCode, WaitReasonCode,
};
use fleet_proto::words::CodedMessage;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Command lines that a page shows, each with its page.
fn pages() -> Vec<(PathBuf, String)> {
    let house = house();
    let mut paths: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| house.join(name)).into();
    for folder in ["docs", "docs/design"] {
        let entries = fs::read_dir(house.join(folder)).expect("the folder is there");
        paths.extend(entries.map(|entry| entry.expect("it can be read").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a page is text"))).collect()
}

/// Lines of code blocks that begin with a prompt, with their continuations.
fn prompted(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_code = false;
    let mut is_continued = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        let text = line.trim_start();
        let command = text.strip_prefix("$ ").or(text.strip_prefix("# ")).filter(|_| is_code && !is_continued);
        match command {
            Some(command) => found.push(command.trim_end_matches('\\').to_owned()),
            None if is_continued => {
                let last = found.last_mut().expect("what is continued has begun");
                last.push_str(text.trim_end_matches('\\'));
            }
            None => continue,
        }
        is_continued = line.ends_with('\\');
    }
    found
}

/// Spans of code within sentences.
fn spans(page: &str) -> Vec<String> {
    let prose: Vec<&str> = page.split("```").step_by(2).collect();
    prose.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Parts of a shell's line that call one of our programs, as words.
fn calls(line: &str) -> Vec<Vec<String>> {
    // Redirections are the shell's.
    let line = line.replace(">>", " > ").replace('>', " > ").replace('<', " < ");
    let Ok(words) = shell_words::split(&line) else { return Vec::new() };
    let mut calls = Vec::new();
    for part in words.split(|word| ["|", "&&", "||", ";"].contains(&word.as_str())) {
        let part = part.split(|word| [">", "<"].contains(&word.as_str())).next().unwrap_or_default();
        let begin = part.iter().position(|word| ["fleet", "fleet-agent", "fleet-coordinator"].contains(&word.as_str()));
        // Before it there may be `sudo`, or a command that runs it elsewhere.
        if let Some(begin) = begin.filter(|begin| *begin == 0 || ["sudo", "ssh"].contains(&part[0].as_str())) {
            calls.push(part[begin..].to_vec());
        }
    }
    calls
}

fn program_of(words: &[String]) -> Command {
    programs().into_iter().find(|program| program.get_name() == words[0]).expect("it is one of ours")
}

/// Returns the reason why a program does not understand a call.
fn problem(words: &[String], tolerated: &[ErrorKind]) -> Option<String> {
    let error = program_of(words).try_get_matches_from(words).err()?;
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_help && !tolerated.contains(&error.kind())).then(|| format!("{}: {error}", words.join(" ")))
}

/// Errors that are allowed for a command in a sentence: it may lack its arguments, or have a placeholder as a value.
const IN_SENTENCES: [ErrorKind; 6] = [
    ErrorKind::MissingRequiredArgument,
    ErrorKind::MissingSubcommand,
    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ErrorKind::InvalidValue,
    ErrorKind::ValueValidation,
    ErrorKind::ArgumentConflict,
];

fn name(path: &Path) -> String {
    path.strip_prefix(house()).unwrap_or(path).display().to_string()
}

#[test]
fn each_command_that_a_page_shows_is_understood() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, page) in pages() {
        let lines: Vec<_> = prompted(&page).iter().flat_map(|line| calls(line)).collect();
        let spans: Vec<_> = spans(&page).iter().flat_map(|span| calls(span)).collect();
        count += lines.len() + spans.len();
        let problems = lines.iter().filter_map(|words| problem(words, &[]));
        let problems = problems.chain(spans.iter().filter_map(|words| problem(words, &IN_SENTENCES)));
        wrong.extend(problems.map(|problem| format!("{}: {problem}", name(&path))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} commands were found: are they still written with a prompt?");
}

/// A hint of each code, with arguments that it can be read with.
fn hints() -> Vec<v1::Hint> {
    let arguments = ["1", "a@1", "0123456789abcdef01234567"].map(|text| vec![text.to_owned(); 3]);
    let codes = (1..10_000).filter_map(|number| HintCode::try_from(number).ok());
    let hint = |code: HintCode| {
        let with = |arguments: &Vec<String>| v1::Hint { code: code.into(), arguments: arguments.clone() };
        let found = arguments.iter().map(with).find(|hint| incoming_hint(hint.clone()).is_some());
        found.unwrap_or_else(|| panic!("{code:?} cannot be read with {arguments:?}"))
    };
    codes.map(hint).collect()
}

#[test]
fn each_hint_has_words_and_names_commands_that_are_understood() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for hint in hints() {
        let words = fleet_cli::words_of(CodedMessage::Hint(&hint));
        assert!(!words.is_empty(), "{hint:?} has no words");
        let calls: Vec<_> = spans(&words).iter().flat_map(|span| calls(span)).collect();
        count += calls.len();
        wrong.extend(calls.iter().filter_map(|words| problem(words, &IN_SENTENCES)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} commands were found");
}

#[test]
fn each_reason_for_waiting_has_words() {
    let arguments = [
        vec!["0123456789abcdef01234567"; 2],
        vec!["1"; 3],
        vec!["install", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
        vec!["install", "1", "4"],
        vec!["install", "1", "4", "900"],
        vec!["backup", "1", "WAIT_REASON_CODE_STOPPED"],
        vec!["ACTIVITY_CODE_ASKED_TO_START"],
    ];
    let arguments = arguments.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
    for code in (1..10_000).filter_map(|number| WaitReasonCode::try_from(number).ok()) {
        let reasons =
            arguments.iter().map(|arguments| v1::WaitReason { code: code.into(), arguments: arguments.clone() });
        let reason = reasons.into_iter().find(|reason| incoming_wait_reason(reason.clone()).is_some());
        let reason = reason.unwrap_or_else(|| panic!("{code:?} cannot be read with {arguments:?}"));
        let words = fleet_cli::words_of(CodedMessage::WaitReason(&reason));
        assert!(!words.is_empty() && !words.contains("does not know"), "{reason:?}: {words}");
    }
}

#[test]
fn each_reason_for_leaving_an_instance_out_has_words() {
    let texts: [&[&str]; 4] = [
        &["1", "app", "1", "2"],
        &["lab-1", "1", "port", "80/tcp", "notes-2"],
        &["lab-1", "1", "2", "POLICY_REFUSAL_CODE_MOUNT", "/srv"],
        &["lab-1", "2", "ORDER_FAILURE_CODE_OTHER", "no answer"],
    ];
    for code in (1..10_000).filter_map(|number| LeftOutReasonCode::try_from(number).ok()) {
        let message = |arguments| v1::LeftOutReason { code: code.into(), arguments };
        let reason = message(readable(|arguments| incoming_left_out_reason(message(arguments)), &texts));
        let words = fleet_cli::words_of(CodedMessage::LeftOutReason(&reason));
        assert!(!words.is_empty() && !words.contains("does not know"), "{reason:?}: {words}");
    }
}

#[test]
fn each_change_by_hand_has_words() {
    for code in (2..1000).filter_map(|number| DriftCode::try_from(number).ok()) {
        let shown = |texts: &[&str]| {
            let arguments = texts.iter().map(ToString::to_string).collect();
            fleet_cli::words_of(CodedMessage::Drift(&v1::Drift { code: code.into(), arguments }))
        };
        let words = [&["a", "b", "c"][..], &["a", "1"], &["3", "10m"]].map(shown);
        let is_known = words.iter().any(|words| !words.is_empty() && !words.contains("does not know"));
        assert!(is_known || code == DriftCode::Other, "{code:?}: {words:?}");
    }
}

#[test]
fn each_activity_has_words() {
    for code in (1..1000).filter_map(|number| ActivityCode::try_from(number).ok()) {
        let texts: [&[&str]; 10] = [
            &["LEDGER_PROBLEM_CODE_NO_GOAL"],
            &["1.3", "2", "ACTIVITY_CODE_PULL", "a"],
            &["a", "1m"],
            &["HEALTH_PROBLEM_CODE_CONTAINER_DEAD", "a"],
            &["2", "ACTIVITY_CODE_PULL", "a"],
            &["a", "a"],
            &["1", "a"],
            &["a@1"],
            &["0123456789abcdef01234567", "a"],
            &["ACTIVITY_CODE_PULL", "1", "a"],
        ];
        let message = |texts: &&[&str]| {
            let arguments = texts.iter().map(ToString::to_string).collect();
            v1::Activity { code: code.into(), arguments }
        };
        let readable = texts.iter().map(message).find(|activity| incoming_activity(activity.clone()).is_some());
        let activity = readable.unwrap_or_else(|| panic!("{code:?} cannot be read with {texts:?}"));
        assert!(!fleet_cli::words_of(CodedMessage::Activity(&activity)).is_empty(), "{code:?} has no words");
    }
}

/// Returns the first of some arguments with which a message of a code can be read.
fn readable<T>(read: impl Fn(Vec<String>) -> Option<T>, texts: &[&[&str]]) -> Vec<String> {
    let owned = |texts: &&[&str]| texts.iter().map(ToString::to_string).collect::<Vec<String>>();
    let mut all = texts.iter().map(owned);
    all.find(|arguments| read(arguments.clone()).is_some()).unwrap_or_else(|| panic!("none can be read of {texts:?}"))
}

#[test]
fn each_problem_of_health_has_words() {
    let texts: [&[&str]; 4] = [
        &["a", "1"],
        &["1m", "2m"],
        &["1", "a", "b"],
        &["4", "PROBE_TARGET_CODE_HTTP", "web", "80", "/", "PROBE_FAILURE_CODE_NO_ANSWER", "1000"],
    ];
    let late: [&[&str]; 2] = [&["1m", "2", "HEALTH_PROBLEM_CODE_CONTAINER_DEAD", "a"], &["a", "true"]];
    let texts: Vec<&[&str]> = texts.into_iter().chain(late).collect();
    for code in (1..10_000).filter_map(|number| HealthProblemCode::try_from(number).ok()) {
        let message = |arguments| v1::HealthProblem { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_health_problem(message(arguments)), &texts));
        let words = fleet_cli::words_of(CodedMessage::HealthProblem(&message));
        assert!(
            !words.is_empty() && (code == HealthProblemCode::Unknown) == words.contains("does not know"),
            "{words}"
        );
    }
}

/// Expects that a code has words, and other ones than the codes before it.
fn expect_new(all: &mut BTreeSet<String>, words: &str, code: &str) {
    assert!(!words.is_empty() && all.insert(words.to_owned()), "{code} has no words of its own: `{words}`");
}

#[test]
fn each_gap_in_coverage_and_each_leftover_has_words() {
    let texts: [&[&str]; 4] =
        [&["1", "a"], &["a", "db", "/data"], &["a", "1", "b"], &["2", "POLICY_REFUSAL_CODE_MOUNT", "/srv"]];
    let mut all = BTreeSet::new();
    for code in (1..10_000).filter_map(|number| DataLeftoverCode::try_from(number).ok()) {
        let message = |arguments| v1::DataLeftover { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_data_leftover(message(arguments)), &texts));
        expect_new(&mut all, &fleet_cli::words_of(CodedMessage::DataLeftover(&message)), code.as_str_name());
    }
    let mut all = BTreeSet::new();
    for code in (1..10_000).filter_map(|number| StoreGapCode::try_from(number).ok()) {
        let message = |arguments| v1::StoreGap { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_store_gap(message(arguments)), &texts));
        expect_new(&mut all, &fleet_cli::words_of(CodedMessage::StoreGap(&message)), code.as_str_name());
    }
    let mut all = BTreeSet::new();
    for code in (1..10_000).filter_map(|number| UndeclaredDataCode::try_from(number).ok()) {
        let message = |arguments| v1::UndeclaredData { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_undeclared_data(message(arguments)), &texts));
        expect_new(&mut all, &fleet_cli::words_of(CodedMessage::UndeclaredData(&message)), code.as_str_name());
    }
}

#[test]
fn each_failure_of_a_probe_has_words() {
    let texts: [&[&str]; 4] =
        [&["a", "b"], &["1", "2"], &["a", "80", "/"], &["2", "POLICY_REFUSAL_CODE_MOUNT", "/srv"]];
    let mut all = BTreeSet::new();
    for code in (1..10_000).filter_map(|number| ProbeFailureCode::try_from(number).ok()) {
        let message = |arguments| v1::ProbeFailure { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_probe_failure(message(arguments)), &texts));
        expect_new(&mut all, &fleet_cli::words_of(CodedMessage::ProbeFailure(&message)), code.as_str_name());
    }
    let mut all = BTreeSet::new();
    for code in (1..10_000).filter_map(|number| ProbeTargetCode::try_from(number).ok()) {
        let message = |arguments| v1::ProbeTarget { code: code.into(), arguments };
        let message = message(readable(|arguments| incoming_probe_target(message(arguments)), &texts));
        expect_new(&mut all, &fleet_cli::words_of(CodedMessage::ProbeTarget(&message)), code.as_str_name());
    }
}

/// Checks that each code of a kind has words with some of these arguments.
fn check_words(codes: impl Iterator<Item = (i32, String)>, words: impl Fn(i32, Vec<String>) -> String) {
    let arguments: [&[&str]; 17] = [
        &["1.2", "notes-1", "0123456789abcdef01234567"],
        &["a", "STORE_GAP_CODE_VOLUME_MISSING", "b"],
        &["a", "0", "1", "RECREATE_REASON_CODE_DESCRIPTION"],
        &["a", "1", "NOT_ASKED_REASON_CODE_OFFLINE"],
        &["a", "b", "1", "NOT_ASKED_REASON_CODE_OFFLINE"],
        &["1", "LEFT_OUT_REASON_CODE_NOT_INSTALLED"],
        &["a", "b", "a@1", "0123456789abcdef01234567", "c", "900", "central"],
        &["a", "0123456789abcdef01234567", "900", "central"],
        &["0123456789abcdef01234567", "900", "central"],
        &["a", "b", "c", "30m"],
        &["a", "1", "c"],
        &["a", "1", "ORDER_FAILURE_CODE_UNKNOWN_OUTCOME"],
        &["1"],
        &["QUERY_FAILURE_CODE_NOT_UNDERSTOOD"],
        &["RENDERING_FAILURE_CODE_RENDERERS_BUSY"],
        &["UNCOVERED_DATA_CODE_DATABASE", "db", "sales"],
        &[],
    ];
    let mut all = BTreeSet::new();
    for (code, name) in codes {
        // A code that cannot be read with the arguments is shown by its name.
        let plain = name.split_once("_CODE_").map_or(name.as_str(), |(_, code)| code).to_lowercase().replace('_', " ");
        let shown = arguments.iter().map(|texts| words(code, texts.iter().map(ToString::to_string).collect()));
        let found = shown.into_iter().find(|words| *words != plain && !words.starts_with(&format!("{plain}: ")));
        let found = found.unwrap_or_else(|| panic!("{name} has no words"));
        assert!(!found.is_empty() && all.insert(found.clone()), "{name} has the words of another code: `{found}`");
    }
    assert!(all.len() > 1, "only {} codes were found", all.len());
}

macro_rules! check_words {
    ($($test:ident: $message:ident, $code:ident;)*) => {
        $(#[test]
        fn $test() {
            let codes = (1..1000).filter_map(|code| Some((code, v1::$code::try_from(code).ok()?.as_str_name().to_owned())));
            check_words(codes, |code, arguments| {
                fleet_cli::words_of(CodedMessage::$message(&v1::$message { code, arguments }))
            });
        })*
    };
}

check_words! {
    each_planned_change_has_words: PlannedChange, PlannedChangeCode;
    each_reason_to_recreate_a_container_has_words: RecreateReason, RecreateReasonCode;
    each_reason_not_to_ask_a_host_has_words: NotAskedReason, NotAskedReasonCode;
    each_failure_of_a_rendering_has_words: RenderingFailure, RenderingFailureCode;
    each_member_not_asked_has_words: MemberNotAsked, MemberNotAskedCode;
}

#[test]
fn each_example_of_a_command_is_understood() {
    fn examples(command: &Command, found: &mut Vec<String>) {
        let after = command.get_after_long_help().or(command.get_after_help());
        let text = after.map(ToString::to_string).unwrap_or_default();
        // The description of an example follows after three spaces or more.
        let line = |line: &str| line.trim().split("   ").next().unwrap_or_default().to_owned();
        found.extend(text.lines().filter(|line| line.starts_with("  ")).map(line));
        command.get_subcommands().for_each(|below| examples(below, found));
    }
    let mut found = Vec::new();
    programs().iter().for_each(|program| examples(program, &mut found));
    let calls: Vec<_> = found.iter().flat_map(|line| calls(line)).collect();
    let wrong: Vec<_> = calls.iter().filter_map(|words| problem(words, &[])).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls.len() > 30, "only {} examples were found", calls.len());
}

#[test]
fn a_line_is_read_as_a_shell_reads_it() {
    let said = |line: &str| calls(line).iter().map(|words| words.join("|")).collect::<Vec<_>>();
    assert_eq!(said("fleet login - <token.txt   # asks"), ["fleet|login|-"]);
    assert_eq!(said("fleet host add lab-1 --token-only | ssh root@lab-1 fleet-agent join -").len(), 2);
    assert_eq!(said("sudo fleet-agent status"), ["fleet-agent|status"]);
    assert_eq!(said("fleet_core is a crate"), Vec::<String>::new());
    assert_eq!(prompted("```\n$ fleet a \\\n    b\nsaid\n```\n$ no\n"), ["fleet a b"]);
    assert!(problem(&["fleet".into(), "status".into(), "--fast".into()], &IN_SENTENCES).is_some());
}
