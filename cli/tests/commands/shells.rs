//! Completion in real shells: the line after a person has pressed Tab. `tests/run.sh` installs the shells.

use crate::environment::TestEnvironment;
use crate::fake::{Fake, logged_in};
use crate::scene::{Scene, host, instance};
use fleet_proto::v1::{AppView, HostView, ReleaseView};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Typed text, and the text after Tab.
const TABLE: [(&str, &str); 9] = [
    ("fleet insta", "fleet insta"),
    ("fleet instance rest", "fleet instance restart"),
    ("fleet instance restart no", "fleet instance restart notes-1"),
    ("fleet install labn", "fleet install labnotes@"),
    ("fleet install labnotes@1", "fleet install labnotes@1.2"),
    ("fleet install labnotes@2.0 --host bo", "fleet install labnotes@2.0 --host box-2"),
    ("fleet install labnotes@2.0 --host=bo", "fleet install labnotes@2.0 --host=box-2"),
    ("fleet install labnotes@1 --set a=b:c@d --host=bo", "fleet install labnotes@1 --set a=b:c@d --host=box-2"),
    ("fleet instance ls --app=la", "fleet instance ls --app=labnotes"),
];

fn people_at_work() -> (Fake, TestEnvironment) {
    let release = |version: &str| ReleaseView {
        app: "labnotes".to_owned(),
        version: version.to_owned(),
        title: "Lab notes: uploads".to_owned(),
        ..Default::default()
    };
    let app =
        AppView { name: "labnotes".to_owned(), releases: vec![release("2.0"), release("1.2")], ..Default::default() };
    let hosts = vec![host(1), HostView { name: "box-2".to_owned(), ..host(2) }];
    logged_in(Scene { hosts, instances: vec![instance(1)], apps: vec![app], ..Default::default() })
}

fn shell(program: &str, environment: &TestEnvironment) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_fleet")).parent().expect("it lies in a folder");
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("FLEET_CONFIG", environment.path().join("config"))
        .env("LINES_FILE", environment.path().join("lines"))
        .envs([("HOME", environment.path()), ("ZDOTDIR", environment.path())])
        .env("TERM", "xterm");
    command
}

/// Types each line into a shell on a terminal of its own, and presses Tab and Ctrl-G, which notes the line.
fn check_typed(start: &str, (file, text): (&str, &str)) {
    let (_fake, environment) = people_at_work();
    environment.write(file, text);
    let mut terminal = shell("timeout", &environment)
        .args([
            "60",
            "script",
            "-qec",
            &start.replace("FOLDER", &environment.path().display().to_string()),
            "/dev/null",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`script` can be started");
    let mut said = BufReader::new(terminal.stdout.take().expect("it is ours")).bytes();
    let mut heard = Vec::new();
    // Before the prompt, the terminal itself would interpret the typed text.
    while !heard.ends_with(b"ready> ") {
        let byte = said.next().unwrap_or_else(|| panic!("{start}: {}", String::from_utf8_lossy(&heard)));
        heard.push(byte.expect("it can be read"));
    }
    let typed: String = TABLE.iter().map(|(typed, _)| format!("{typed}\t\x07\x15")).collect();
    let mut keys = terminal.stdin.take().expect("it is ours");
    keys.write_all(format!("{typed}exit\n").as_bytes()).expect("the shell reads");
    heard.extend(said.map_while(Result::ok));
    terminal.wait().expect("it ends");
    let lines = std::fs::read_to_string(environment.path().join("lines")).unwrap_or_default();
    let found: Vec<&str> = lines.lines().map(str::trim_end).collect();
    assert_eq!(found, TABLE.map(|(_, expect)| expect), "{start}: {}", String::from_utf8_lossy(&heard));
}

#[test]
fn bash_completes_words_that_it_would_break() {
    let rc = "PS1='ready> '
source <(fleet completion bash)
bind -x '\"\\C-g\": printf \"%s\\n\" \"$READLINE_LINE\" >>\"$LINES_FILE\"'
";
    check_typed("bash --noprofile --rcfile FOLDER/bashrc -i", ("bashrc", rc));
}

#[test]
fn zsh_completes_the_same() {
    let rc = "PS1='ready> '
autoload -U compinit && compinit -u -D
source <(fleet completion zsh)
note() { print -r -- \"$BUFFER\" >>$LINES_FILE }
zle -N note
bindkey -e
bindkey '^G' note
";
    check_typed("zsh -i", (".zshrc", rc));
}

#[test]
fn fish_completes_the_same() {
    let (_fake, environment) = people_at_work();
    for (typed, expect) in TABLE.iter().filter(|(typed, expect)| typed != expect && !expect.ends_with('@')) {
        let script = format!("fleet completion fish | source; complete -C '{typed}'");
        let shown = shell("fish", &environment).args(["--no-config", "-c", &script]).output();
        let shown = shown.expect("fish can be started; `tests/run.sh` installs it");
        let found = String::from_utf8_lossy(&shown.stdout).into_owned();
        let candidate = found.lines().next().and_then(|line| line.split('\t').next()).unwrap_or_default();
        let stays = typed.rsplit_once(' ').map_or("", |(stays, _)| stays);
        assert_eq!(format!("{stays} {candidate}"), *expect, "{found}{}", String::from_utf8_lossy(&shown.stderr));
    }
}
