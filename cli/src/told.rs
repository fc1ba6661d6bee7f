//! What was told of one change already, so that each of its steps is told once.

use std::collections::HashSet;

/// The state of a change, and the steps that were told since it came.
#[derive(Debug, Default)]
pub struct Told {
    state: String,
    steps: HashSet<String>,
}

impl Told {
    /// Whether a state is another than the last one. What was told in that one may be told again.
    pub fn is_new_state(&mut self, state: &str) -> bool {
        let is_new = self.state != state;
        if is_new {
            state.clone_into(&mut self.state);
            self.steps.clear();
        }
        is_new
    }

    /// Whether a step was not told yet in this state.
    ///
    /// A number that counts is no news, and steps side by side that say how far they are take no turns.
    pub fn is_new_step(&mut self, step: &str) -> bool {
        let key = without_counts(step);
        if self.steps.contains(&key) {
            return false;
        }
        self.steps.extend(key.split(", ").map(str::to_owned));
        self.steps.insert(key);
        true
    }
}

/// A step without how far it is: ` (3 of 12 MB)` is left out, and a number or a time that stands alone is a `#`.
fn without_counts(step: &str) -> String {
    let words: Vec<&str> = step.split(' ').map(|word| if is_count(word) { "#" } else { word }).collect();
    let text = words.join(" ");
    match text.strip_suffix(" of # MB)").and_then(|text| text.rsplit_once(" (")) {
        Some((step, _)) => step.to_owned(),
        None => text,
    }
}

/// Such as `3`, `90s` and `1m30s`, but neither `1.2` nor `notes-1`.
fn is_count(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_told_once() {
        let mut told = Told::default();
        for (step, expect) in [
            ("preparing notes@1.2", true),
            ("pull 127.0.0.1:5001/web:1.2, pull 127.0.0.1:5001/db:1", true),
            ("pull 127.0.0.1:5001/web:1.2 (0 of 12 MB)", false),
            ("pull 127.0.0.1:5001/db:1 (3 of 4 MB)", false),
            ("pull 127.0.0.1:5001/web:1.2 (12 of 12 MB)", false),
            ("stop notes-1-web-1", true),
            ("stop notes-1-web-2", true),
            ("waiting until it is healthy: healthy for 59s of 2m", true),
            ("waiting until it is healthy: healthy for 1m30s of 2m", false),
            ("waiting until it is healthy: GET http://web:80: no answer", true),
            ("waiting until it is healthy: healthy for 0s of 2m", false),
            ("stop notes-1-web-1", false),
            ("going back: stop notes-1-web-1", true),
        ] {
            assert_eq!(told.is_new_step(step), expect, "{step}");
        }
    }

    #[test]
    fn another_state_begins_anew() {
        let mut told = Told::default();
        assert!(told.is_new_state("under way") && told.is_new_step("stop web"));
        assert!(!told.is_new_state("under way") && !told.is_new_step("stop web"));
        assert!(told.is_new_state("waiting") && told.is_new_state("under way") && told.is_new_step("stop web"));
    }
}
