//! States of a newer coordinator that this version does not know: none of them counts as a success.

use crate::fake::logged_in;
use crate::scene::{Scene, rollout};
use fleet_proto::v1::{BackupHealthView, ChangeProgress, InstanceChange, PlannedChange, VerifyLine};

const UNKNOWN: i32 = 99;

fn check_not_fine(scene: Scene, command: &str) {
    let (_fake, environment) = logged_in(scene);
    let text = environment.run(command).text();
    assert!(text.starts_with("exit 1\n") && text.contains("unknown (99)"), "{command}: {text}");
}

#[test]
fn a_state_that_is_not_known_is_never_fine() {
    let standing = vec![BackupHealthView { instance: "notes-1".to_owned(), word: UNKNOWN, ..Default::default() }];
    check_not_fine(Scene { standing, ..Default::default() }, "fleet backup status");
    let verified = vec![VerifyLine { instance: "notes-1".to_owned(), state: UNKNOWN, ..Default::default() }];
    check_not_fine(Scene { verified, ..Default::default() }, "fleet backup verify");
    let mut frame = rollout("running", &[("done", ""), ("done", "")]);
    (frame.phase, frame.over, frame.at_rest) = (UNKNOWN, true, true);
    check_not_fine(Scene { frames: vec![frame], ..Default::default() }, "fleet rollout show labnotes-3 --follow");
    let change = InstanceChange {
        order: "o-1".to_owned(),
        plan: vec![PlannedChange { code: UNKNOWN, arguments: vec!["web".to_owned()] }],
        ..Default::default()
    };
    let progress = vec![ChangeProgress { state: UNKNOWN, over: true, ..Default::default() }];
    check_not_fine(Scene { change, progress, ..Default::default() }, "fleet instance restart notes-1");
}
