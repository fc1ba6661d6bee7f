//! Last output about one change, so that each of its steps is printed once.

use fleet_proto::v1::Activity;

/// State of a change, and the step that was printed last.
#[derive(Debug, Default)]
pub struct LastShown {
    state: Option<i32>,
    step: Option<(Option<Activity>, String)>,
}

impl LastShown {
    /// Returns whether the state (its number on the wire) differs from the last one. A step of the earlier state may
    /// then be printed again.
    pub fn is_new_state(&mut self, state: i32) -> bool {
        let is_new = self.state != Some(state);
        if is_new {
            *self = Self { state: Some(state), step: None };
        }
        is_new
    }

    /// Returns whether a step differs from the one printed last: a repeated step, such as in another attempt, is news.
    ///
    /// The progress of a step is separate and does not count.
    pub fn is_new_step(&mut self, doing: Option<&Activity>, text: &str) -> bool {
        let step = Some((doing.cloned(), text.to_owned()));
        let is_new = self.step != step;
        self.step = step;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_proto::v1::{ActivityCode, ChangeState};

    fn is_new_step(output: &mut LastShown, step: &str) -> bool {
        let doing = Activity { code: ActivityCode::Text.into(), arguments: vec![step.to_owned()] };
        output.is_new_step(Some(&doing), "")
    }

    fn check(steps: &[(&str, bool)]) {
        let mut output = LastShown::default();
        for (step, expect) in steps {
            assert_eq!(is_new_step(&mut output, step), *expect, "{step}");
        }
    }

    #[test]
    fn each_step_is_told_once() {
        check(&[
            ("preparing notes@1.2", true),
            ("pull 127.0.0.1:5001/web:1.2, pull 127.0.0.1:5001/db:1", true),
            ("pull 127.0.0.1:5001/web:1.2, pull 127.0.0.1:5001/db:1", false),
            ("stop notes-1-web-1", true),
            ("stop notes-1-web-2", true),
            ("going back: stop notes-1-web-1", true),
        ]);
    }

    #[test]
    fn a_number_makes_another_step() {
        check(&[
            ("upgrade to 1.2", true),
            ("upgrade to 1.3", true),
            ("no answer after 3s", true),
            ("ended with 4", true),
        ]);
        check(&[("web ended with 1", true), ("web ended with 137", true)]);
    }

    #[test]
    fn another_attempt_and_a_reason_that_comes_back_are_news() {
        check(&[
            ("pull web:1.2", true),
            ("the registry does not answer; trying again", true),
            ("pull web:1.2", true),
            ("pull web:1.2", false),
            ("waiting until it is healthy", true),
            ("waiting until it is healthy: GET http://web:80: no answer", true),
            ("waiting until it is healthy", true),
        ]);
    }

    #[test]
    fn another_state_begins_anew() {
        let under_way = ChangeState::UnderWay.into();
        let mut output = LastShown::default();
        assert!(output.is_new_state(under_way) && is_new_step(&mut output, "stop web"));
        assert!(!output.is_new_state(under_way) && !is_new_step(&mut output, "stop web"));
        assert!(
            output.is_new_state(ChangeState::Waiting.into())
                && output.is_new_state(under_way)
                && is_new_step(&mut output, "stop web")
        );
    }
}
