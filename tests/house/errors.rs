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
