//! A static busybox as an image, made once per Engine by `tests/tool.sh busybox`; and commands of the Docker client.

use fleet_agent::runtime::DEFAULT_SOCKET;
use std::path::Path;
use std::process::{Command, Stdio};

/// Two versions of one image: they differ in `/version`.
pub const ONE: &str = "fleet-test-busybox:1";
pub const TWO: &str = "fleet-test-busybox:2";

/// Returns whether these tests can run, and prints the reason if not.
pub fn is_engine_there() -> bool {
    let answers = succeeds("docker", &["version", "--format", "{{.Server.Version}}"]);
    let is_required = std::env::var("FLEET_TEST_DOCKER").is_ok_and(|it| it == "required");
    assert!(answers || !is_required, "no Docker Engine answers, and FLEET_TEST_DOCKER=required");
    if !answers {
        eprintln!("no Docker Engine answers: this test has nothing to say");
    }
    answers
}

/// Makes both images, unless they are there.
pub fn prepare() {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tool.sh");
    run(&tool.display().to_string(), &["busybox"]);
}

/// The Engine that the Docker client talks to: the one that these tests are about.
pub fn engine() -> String {
    std::env::var("DOCKER_HOST").ok().filter(|it| !it.is_empty()).unwrap_or_else(|| DEFAULT_SOCKET.to_owned())
}

pub fn succeeds(program: &str, words: &[&str]) -> bool {
    let status = Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a command that must succeed; returns its output.
pub fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect("the program can be run");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`{program} {}` failed: {error}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn docker(words: &[&str]) -> String {
    run("docker", words)
}
