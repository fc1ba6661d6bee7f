//! Errors are values: nothing acts on the text of one.

use crate::files::{all_sources, is_test, product};
use crate::house;

/// Modules that convert the text of other programs to values: the messages of Docker Engine and Podman, and sled's
/// error about its lock.
const READERS: [&str; 2] = ["agent/src/runtime/docker/engine_messages.rs", "coordinator/src/store/sled.rs"];

/// Comparisons with the text of an error.
const COMPARISONS: [&str; 5] =
    ["reason.contains(", "message.contains(", "reason.starts_with(", "message.starts_with(", "to_string().contains("];

/// Lines of the product that `is_wanted`, as `file:line: text`.
fn product_lines(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in all_sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let inside = path.strip_prefix(house()).unwrap_or(&path).display().to_string();
        let wanted = product(&text).lines().enumerate().filter(|(_, line)| is_wanted(line));
        found.extend(wanted.map(|(at, line)| format!("{inside}:{}: {}", at + 1, line.trim())));
    }
    found
}

#[test]
fn the_text_of_an_error_is_compared_in_one_module() {
    let mut found = product_lines(|line| COMPARISONS.iter().any(|comparison| line.contains(comparison)));
    for reader in READERS {
        let before = found.len();
        found.retain(|line| !line.starts_with(reader));
        assert!(before > found.len(), "{reader} compares texts");
    }
    assert!(found.is_empty(), "an error's text is compared, not its variant:\n{}", found.join("\n"));
}

/// The only module of the coordinator that makes a status.
const STATUSES: &str = "coordinator/src/rpc_status.rs";

/// Constructors of a status with a text, and functions that refuse without a code.
const WITH_TEXT: [&str; 18] = [
    "Status::new(",
    "Status::with_details",
    "Status::cancelled(",
    "Status::unknown(",
    "Status::invalid_argument(",
    "Status::deadline_exceeded(",
    "Status::not_found(",
    "Status::already_exists(",
    "Status::permission_denied(",
    "Status::resource_exhausted(",
    "Status::failed_precondition(",
    "Status::aborted(",
    "Status::out_of_range(",
    "Status::unimplemented(",
    "Status::internal(",
    "Status::unavailable(",
    "Status::data_loss(",
    "Status::unauthenticated(",
];

#[test]
fn the_coordinator_refuses_with_codes_in_one_module() {
    let mut found = product_lines(|line| {
        line.contains("fleet_proto::refusal") || WITH_TEXT.iter().any(|constructor| line.contains(constructor))
    });
    found.retain(|line| line.starts_with("coordinator/src/"));
    let before = found.len();
    found.retain(|line| !line.starts_with(STATUSES));
    assert!(before > found.len(), "{STATUSES} makes statuses");
    assert!(found.is_empty(), "refuse with a code, by `rpc_status::refuse`:\n{}", found.join("\n"));
}

/// Functions whose errors are text by their nature: clap shows what its parsers return.
const TEXTS: [&str; 3] =
    ["cli/src/commands/rollout/start.rs", "cli/src/commands/backup/hold.rs", "cli/src/commands/backup/verify.rs"];

/// Modules that are compiled for tests only and lie beside the product's.
const TEST_MODULES: [&str; 1] = ["core/src/steps/model.rs"];

/// Returns whether a line names a result whose error is a text.
fn has_text_error(line: &str) -> bool {
    let results = line.match_indices("Result<").map(|(at, begin)| &line[at + begin.len()..]);
    results.into_iter().any(|rest| error_of(rest) == Some("String"))
}

/// The second argument of a type, whose arguments begin here.
fn error_of(arguments: &str) -> Option<&str> {
    let (mut depth, mut comma) = (0_i32, None);
    for (at, letter) in arguments.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 => return comma.map(|from: usize| arguments[from..at].trim()),
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => comma = Some(at + 1),
            _ => {}
        }
    }
    None
}

#[test]
fn an_error_that_is_returned_has_a_type() {
    let mut found = product_lines(has_text_error);
    for named in TEXTS {
        let before = found.len();
        found.retain(|line| !line.starts_with(named));
        assert_eq!(before, found.len() + 1, "{named} has one such function");
    }
    found.retain(|line| !TEST_MODULES.iter().any(|module| line.starts_with(module)));
    assert!(found.is_empty(), "write an error type instead of `String`:\n{}", found.join("\n"));
}

#[test]
fn errors_that_are_texts_are_found() {
    for (line, expect) in [
        ("fn a() -> Result<(), String> {", true),
        ("fn a() -> Result<BTreeMap<String, Vec<u8>>, String> {", true),
        ("type A = BoxStream<'static, Result<Bytes, String>>;", true),
        ("fn a() -> Result<BTreeMap<String, String>, DataError> {", false),
        ("fn a() -> Result<(Roots, BTreeMap<StoreName, String>), DataError> {", false),
        ("fn a() -> Result<String> {", false),
        ("fn a() -> Result<(", false),
    ] {
        assert_eq!(has_text_error(line), expect, "{line}");
    }
}
