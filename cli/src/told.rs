//! What was told of one change already, so that each of its steps is told once.

use std::collections::HashSet;

/// After the last `.` of a number, these show that it is no version.
const UNITS: [&str; 11] = ["s", "ms", "us", "µs", "ns", "m", "h", "kB", "MB", "GB", "%"];

/// The state of a change, the step that was told last, and the steps of which how far they are was told since.
#[derive(Debug, Default)]
pub struct Told {
    state: String,
    last: Option<String>,
    steps: HashSet<String>,
}

/// What a step is without the numbers that count in it.
enum Step {
    /// It begins, or something is said of it.
    Begins(String),
    /// How far it is.
    GoesOn(String),
}

impl Told {
    /// Whether a state is another than the last one. What was told in that one may be told again.
    pub fn is_new_state(&mut self, state: &str) -> bool {
        let is_new = self.state != state;
        if is_new {
            *self = Self { state: state.to_owned(), ..Self::default() };
        }
        is_new
    }

    /// Whether a step is another than the one that was told last: what comes back, such as in another attempt, is news.
    ///
    /// A number that counts is no news, and steps side by side that say how far they are take no turns.
    pub fn is_new_step(&mut self, step: &str) -> bool {
        match without_counts(step) {
            Step::GoesOn(step) => self.steps.insert(step),
            Step::Begins(step) if self.last.as_ref() == Some(&step) => false,
            Step::Begins(step) => {
                self.steps = step.split(", ").map(str::to_owned).collect();
                self.last = Some(step);
                true
            }
        }
    }
}

/// A step without how far it is: ` (3 of 12 MB)` is left out, and a number or a time that stands alone is a `#`.
fn without_counts(step: &str) -> Step {
    let text = step.split(' ').map(without_count).collect::<Vec<_>>().join(" ");
    match text.strip_suffix(" of # MB)").and_then(|text| text.rsplit_once(" (")) {
        Some((step, _)) => Step::GoesOn(step.to_owned()),
        None => Step::Begins(text),
    }
}

fn without_count(word: &str) -> String {
    let inner = word.trim_start_matches('(').trim_end_matches([',', ';', ':', ')']);
    if is_count(inner) { word.replacen(inner, "#", 1) } else { word.to_owned() }
}

/// Such as `3`, `90s`, `1m30s` and `1.2s`, but neither `1.2` nor `notes-1`.
fn is_count(word: &str) -> bool {
    let is_whole = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric());
    let is_number = match word.rsplit_once('.') {
        Some((before, after)) => {
            is_whole(before) && UNITS.contains(&after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => is_whole(word),
    };
    is_number && word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[(&str, bool)]) {
        let mut told = Told::default();
        for (step, expect) in steps {
            assert_eq!(told.is_new_step(step), *expect, "{step}");
        }
    }

    #[test]
    fn each_step_is_told_once_however_far_it_is() {
        check(&[
            ("preparing notes@1.2", true),
            ("pull 127.0.0.1:5001/web:1.2, pull 127.0.0.1:5001/db:1", true),
            ("pull 127.0.0.1:5001/web:1.2, pull 127.0.0.1:5001/db:1", false),
            ("pull 127.0.0.1:5001/web:1.2 (0 of 12 MB)", false),
            ("pull 127.0.0.1:5001/db:1 (3 of 4 MB)", false),
            ("pull 127.0.0.1:5001/web:1.2 (12 of 12 MB)", false),
            ("stop notes-1-web-1", true),
            ("stop notes-1-web-2", true),
            ("waiting until it is healthy: healthy for 59s of 2m", true),
            ("waiting until it is healthy: healthy for 1m30s of 2m", false),
            ("going back: stop notes-1-web-1", true),
            ("upgrade to 1.2", true),
            ("upgrade to 1.3", true),
        ]);
    }

    #[test]
    fn who_comes_in_the_middle_is_told_each_step_once_too() {
        check(&[("pull web (3 of 12 MB)", true), ("pull db (1 of 4 MB)", true), ("pull web (4 of 12 MB)", false)]);
    }

    #[test]
    fn another_attempt_and_a_reason_that_comes_back_are_news() {
        check(&[
            ("pull web:1.2", true),
            ("pull web:1.2 (3 of 12 MB)", false),
            ("the registry does not answer; trying again", true),
            ("pull web:1.2", true),
            ("pull web:1.2 (0 of 12 MB)", false),
            ("waiting until it is healthy: healthy for 10s of 2m", true),
            ("waiting until it is healthy: GET http://web:80: no answer", true),
            ("waiting until it is healthy: healthy for 0s of 2m", true),
        ]);
    }

    #[test]
    fn a_number_with_a_part_counts_where_it_has_a_unit() {
        check(&[
            ("no answer after 1.2s", true),
            ("no answer after 1.25s", false),
            ("no answer (after 350.5ms)", true),
            ("no answer (after 1m2.5s)", false),
        ]);
    }

    #[test]
    fn another_state_begins_anew() {
        let mut told = Told::default();
        assert!(told.is_new_state("under way") && told.is_new_step("stop web"));
        assert!(!told.is_new_state("under way") && !told.is_new_step("stop web"));
        assert!(told.is_new_state("waiting") && told.is_new_state("under way") && told.is_new_step("stop web"));
    }
}
