//! Tests of reading Compose files.

mod manuals;
mod meaning;
mod refusals;

use super::testing::read_text;

/// Parses a service's lines, and shows the result.
fn check<T: std::fmt::Debug>(lines: &str, show: impl Fn(&super::Service) -> T, expect: &str) {
    let found = match read_text(&service(lines)) {
        Ok(project) => project.services.get("web").map(|web| format!("{:?}", show(web))).unwrap_or_default(),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(found, expect, "for\n{lines}");
}

/// A file with one service of these lines, and another beside it.
fn service(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "services:\n  web:\n    image: web:1\n{lines}  db:\n    image: db:1\nvolumes: {{data: }}\nnetworks: {{back: }}\n"
    )
}

/// Reads a whole file, and expects it to be refused.
fn refused(text: &str, expect: &str) {
    let found = read_text(text).map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned());
    assert_eq!(found, expect, "for\n{text}");
}

/// Reads a service's lines, and expects them to be refused; lines count from the first of them.
fn refused_lines(lines: &str, expect: &str) {
    check(lines, |_| "accepted", expect);
}
