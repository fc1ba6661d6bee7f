//! A static busybox as an image, made once per Engine; and commands of the Docker client.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// Two versions of one image: they differ in `/version`.
pub const ONE: &str = "fleet-test-busybox:1";
pub const TWO: &str = "fleet-test-busybox:2";

/// Whether these tests can run; says why not.
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
    let lock = File::create(std::env::temp_dir().join("fleet-test-busybox.lock")).expect("a file can be made");
    lock.lock().expect("other tests let go of the lock");
    for (image, version) in [(ONE, "1"), (TWO, "2")] {
        if !succeeds("docker", &["image", "inspect", image]) {
            import(image, version);
        }
    }
}

fn import(image: &str, version: &str) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let busybox = busybox.map(str::to_owned).unwrap_or_else(|| {
        run("apt-get", &["install", "-y", "-q", "busybox-static"]);
        "/bin/busybox".to_owned()
    });
    let root = tempfile::tempdir().expect("a folder can be made");
    let bin = root.path().join("bin");
    fs::create_dir_all(&bin).expect("a folder can be made");
    fs::create_dir(root.path().join("tmp")).expect("a folder can be made");
    fs::copy(busybox, bin.join("busybox")).expect("busybox can be copied");
    for tool in ["sh", "sleep", "httpd", "cat", "echo", "ls", "test", "true", "false", "seq", "head", "yes", "kill"] {
        std::os::unix::fs::symlink("busybox", bin.join(tool)).expect("a link can be made");
    }
    fs::write(root.path().join("version"), format!("{version}\n")).expect("a file can be written");
    let tar = root.path().with_extension("tar");
    run("tar", &["-C", &root.path().display().to_string(), "-cf", &tar.display().to_string(), "."]);
    run("docker", &["import", "--change", "CMD [\"sleep\", \"infinity\"]", &tar.display().to_string(), image]);
    fs::remove_file(tar).expect("a file can be removed");
}

pub fn succeeds(program: &str, words: &[&str]) -> bool {
    let status = Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a command that must succeed; gives what it printed.
pub fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect("the program can be run");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`{program} {}` failed: {error}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn docker(words: &[&str]) -> String {
    run("docker", words)
}
