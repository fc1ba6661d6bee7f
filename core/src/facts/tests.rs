//! Format of stored facts.

use super::*;

#[test]
fn what_is_being_done_is_stored_with_how_far_it_is() {
    let busy = |progress: &str| Running::Busy {
        order: crate::order::order_id(&["x"]),
        doing: Doing { progress: progress.to_owned(), ..Doing::step("pull web") },
        last: None,
    };
    let order = crate::order::order_id(&["x"]);
    for (progress, stored) in [
        // Stored format from before the progress of a step was reported.
        ("", format!(r#"{{"busy":{{"order":"{order}","step":"pull web","last":null}}}}"#)),
        (
            "3 of 12 MB",
            format!(r#"{{"busy":{{"order":"{order}","step":"pull web","progress":"3 of 12 MB","last":null}}}}"#),
        ),
    ] {
        assert_eq!(serde_json::to_string(&busy(progress)).expect("it can be written"), stored);
        assert_eq!(serde_json::from_str::<Running>(&stored).expect("it can be read"), busy(progress));
    }
}

#[test]
fn people_see_a_step_and_how_far_it_is() {
    assert_eq!(Doing::step("pull web").to_string(), "pull web");
    assert_eq!(Doing { progress: "3 of 12 MB".into(), ..Doing::step("pull web") }.to_string(), "pull web (3 of 12 MB)");
}
