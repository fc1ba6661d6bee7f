//! All methods of the port, called by everybody who can, with valid and mutated messages.

use std::process::Command;

#[test]
fn a_few_seconds_of_fuzz_from_a_seed_panic_nowhere_and_keep_memory_bounded() {
    let mut fuzz = Command::new(env!("CARGO_BIN_EXE_bench-fuzz"));
    let ended = fuzz.args(["--seconds", "8", "--seed", "7"]).output().expect("it is built with the tests");
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}\n{err}");
    let figure = |name: &str| -> f64 {
        let line = out.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        let value = line.and_then(|line| line.split_whitespace().nth(2)).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("there is no figure `{name}`: {out}"))
    };
    assert!(figure("methods") >= 54.0 && figure("calls") > 100.0, "{out}");
    for role in ["none", "host", "viewer", "operator", "administrator"] {
        assert!(figure(&format!("calls_{role}")) > 0.0, "{out}");
    }
}
