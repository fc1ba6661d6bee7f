//! Words of the progress of a step.

use fleet_core::facts::{ProgressUnit, StepProgress};
use fleet_proto::convert::incoming_progress;
use fleet_proto::v1;

/// Returns the words of a progress as it came over the wire; empty where there is none, or none that this version knows.
pub fn shown(progress: Option<&v1::StepProgress>) -> String {
    progress.copied().and_then(incoming_progress).map(words).unwrap_or_default()
}

fn words(StepProgress { done, total, unit }: StepProgress) -> String {
    let of = |done: String, word: &str, total: Option<String>| match total {
        Some(total) => format!("{done} {word} {total}"),
        None => done,
    };
    match unit {
        ProgressUnit::Bytes => {
            let megabytes = |bytes: u64| (bytes / 1_000_000).to_string();
            format!("{} MB", of(megabytes(done), "of", total.map(megabytes)))
        }
        ProgressUnit::HealthyMilliseconds => format!("healthy for {}", of(time(done), "of", total.map(time))),
        ProgressUnit::Milliseconds => of(time(done), "of at most", total.map(time)),
    }
}

fn time(millis: u64) -> String {
    super::period(millis).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_progress_has_words_in_its_unit() {
        let seconds = Duration::from_secs;
        for (progress, expected) in [
            (StepProgress::of_bytes(3_000_000, Some(12_999_999)), "3 of 12 MB"),
            (StepProgress::of_bytes(3_999_999, None), "3 MB"),
            (StepProgress::of_health(seconds(2), seconds(90)), "healthy for 2s of 1m30s"),
            (StepProgress::of_time(Duration::from_millis(7_300), seconds(1800)), "7s of at most 30m"),
        ] {
            assert_eq!(shown(Some(&progress.into())), expected);
        }
        assert_eq!(shown(None), "");
        let newer = v1::StepProgress { done: 3, total: None, unit: 17 };
        assert_eq!(shown(Some(&newer)), "");
    }

    #[test]
    fn json_has_the_numbers_and_the_words() {
        fleet_proto::words::set_wording(crate::words::shown);
        let message = v1::StepProgress::from(StepProgress::of_bytes(3_000_000, Some(12_000_000)));
        let json = serde_json::to_string(&message).expect("it can be written");
        assert_eq!(json, r#"{"done":3000000,"total":12000000,"unit":"bytes","text":"3 of 12 MB"}"#);
    }

    #[test]
    fn a_length_that_no_period_has_is_shown_as_well() {
        let longest = StepProgress { done: u64::MAX, total: None, unit: ProgressUnit::Milliseconds };
        assert!(!shown(Some(&longest.into())).is_empty());
    }
}
