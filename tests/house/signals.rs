//! Scripts that a signal ends have failed, whatever their last command was.

use crate::house;
use std::fs;
use std::process::Command;

/// The status that a trap on EXIT finds in a script that is sent a signal after a command that succeeded.
fn status_after(signal: &str, begin: &str) -> String {
    let script = format!(". deploy/lib/say.sh; {begin}; trap 'echo $?' EXIT; true; kill -{signal} $$; true");
    let output = Command::new("bash").args(["-euc", &script]).current_dir(house()).output().expect("bash runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_signal_is_a_failure() {
    assert_eq!(status_after("TERM", "end_on_signals"), "143");
    assert_eq!(status_after("HUP", "end_on_signals"), "129");
    assert_eq!(status_after("TERM", ":"), "0", "without it, a run that was killed looks as if it had succeeded");
}

#[test]
fn scripts_that_end_with_a_status_of_their_own_heed_signals() {
    for name in ["deploy/demo.sh", "deploy/install-agent.sh", "tests/run.sh"] {
        let text = fs::read_to_string(house().join(name)).expect("the script is there");
        assert!(text.contains("EXIT"), "{name} has something to do at its end");
        assert!(
            text.contains("end_on_signals") || text.contains("trap 'exit 1' INT TERM HUP"),
            "{name} does not heed signals"
        );
    }
}
