//! Format of stored facts.

use super::*;
use crate::activity::Activity;

fn busy(progress: Option<StepProgress>) -> Running {
    doing(Doing { progress, ..Doing::step(Activity::Pull("web".to_owned())) })
}

fn doing(doing: Doing) -> Running {
    Running::Busy { order: crate::order::order_id(&["x"]), doing, last: None }
}

/// A stored step, with a further field.
fn stored(field: &str) -> String {
    stored_step(&format!(r#""step":{{"code":"pull","with":"web"}},{field}"#))
}

fn stored_step(fields: &str) -> String {
    let order = crate::order::order_id(&["x"]);
    format!(r#"{{"busy":{{"order":"{order}",{fields}"last":null}}}}"#)
}

#[test]
fn what_is_being_done_is_stored_with_how_far_it_is() {
    let units = [
        ("bytes", ProgressUnit::Bytes),
        ("healthy_milliseconds", ProgressUnit::HealthyMilliseconds),
        ("milliseconds", ProgressUnit::Milliseconds),
    ];
    for (word, unit) in units {
        let far = StepProgress { done: 3, total: Some(12), unit };
        let text = stored(&format!(r#""progress":{{"done":3,"total":12,"unit":"{word}"}},"#));
        assert_eq!(serde_json::to_string(&busy(Some(far))).expect("it can be written"), text);
        assert_eq!(serde_json::from_str::<Running>(&text).expect("it can be read"), busy(Some(far)));
    }
    assert_eq!(serde_json::to_string(&busy(None)).expect("it can be written"), stored(""));
}

#[test]
fn a_progress_of_an_earlier_or_newer_version_is_none() {
    for kept in ["", r#""progress":"3 of 12 MB","#, r#""progress":{"done":3,"unit":"lightyears"},"#] {
        assert_eq!(serde_json::from_str::<Running>(&stored(kept)).expect("it can be read"), busy(None), "{kept}");
    }
}

#[test]
fn bytes_are_told_in_whole_megabytes_but_for_the_end() {
    let done = |done: u64, total: Option<u64>| StepProgress::of_bytes(done, total).done;
    assert_eq!(done(3_999_999, Some(12_300_000)), 3_000_000);
    assert_eq!(done(12_300_000, Some(12_300_000)), 12_300_000);
    assert_eq!(done(3_999_999, None), 3_000_000);
}

#[test]
fn a_step_of_an_earlier_version_is_a_text_and_one_of_a_newer_version_is_none() {
    let text = Doing::step(Activity::Text("pull web".to_owned()));
    for (kept, step) in [
        (r#""step":"pull web","#, text),
        (r#""step":"","#, Doing::default()),
        (r#""step":{"code":"fly","with":["to","there"]},"#, Doing::default()),
        ("", Doing::default()),
    ] {
        assert_eq!(serde_json::from_str::<Running>(&stored_step(kept)).expect("it can be read"), doing(step), "{kept}");
    }
}

#[test]
fn a_container_is_kept_in_the_words_of_the_engine() {
    let kept = |state: &str, health: &str| {
        format!(r#"{{"service":"web","name":"a-web-1","image":"web:1","state":"{state}","health":"{health}"}}"#)
    };
    let read = |text: &str| serde_json::from_str::<ContainerSaid>(text).expect("it can be read");
    for (state, health) in [
        ("created", ""),
        ("running", "starting"),
        ("paused", "healthy"),
        ("restarting", "unhealthy"),
        ("removing", ""),
        ("exited", ""),
        ("dead", ""),
        ("unknown", "unknown"),
    ] {
        let text = kept(state, health);
        assert_eq!(serde_json::to_string(&read(&text)).expect("it can be written"), text);
    }
    assert_eq!(read(&kept("exited", "")).health, HealthcheckStatus::None);
    let newer = read(&kept("flying", "dizzy"));
    assert_eq!((newer.state, newer.health), (ContainerStatus::Unknown, HealthcheckStatus::Unknown));
}
