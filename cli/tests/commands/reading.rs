//! Lists, single things, the status, events and logs.

use crate::environment::{NOW, TestEnvironment};
use crate::fake::logged_in;
use crate::scene::{Scene, host, instance, rollout, step};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::problem::Problem;
use fleet_proto::v1::{Attention, ContainerView, EventView, InstanceView, LogStream, LogView, Status, VersionCount};
use insta::assert_snapshot;

#[test]
fn the_digest_of_an_image_is_whole_for_programs_only() {
    let digest = "0123456789abcdef".repeat(4);
    let image = format!("labnotes-web:1.2@sha256:{digest}");
    let doing = format!("pull {image} (1 of 9 MB)");
    let container = ContainerView { service: "web".to_owned(), image: image.clone(), ..Default::default() };
    let scene = Scene {
        instances: vec![InstanceView { doing: Some(step(&doing)), containers: vec![container], ..instance(1) }],
        events: vec![event("instance notes-1", &doing)],
        rollouts: vec![rollout("halted", &[("under way", &doing)])],
        frames: vec![rollout("halted", &[("under way", &doing)])],
        status: Status { rollouts: vec![rollout("running", &[("under way", &doing)])], ..Default::default() },
        ..Default::default()
    };
    let (_fake, environment) = logged_in(scene);
    for line in [
        "instance ls",
        "instance ls -o wide",
        "instance show notes-1",
        "events",
        "rollout show --follow",
        "rollout show",
        "status",
    ] {
        let text = environment.run(&format!("fleet {line}")).text();
        assert!(
            text.contains("labnotes-web:1.2@sha256:0123456789ab…") && !text.contains(&digest),
            "fleet {line}: {text}"
        );
    }
    for line in [
        "instance ls -o json",
        "instance show notes-1 -o yaml",
        "events -o json",
        "rollout show -o json",
        "status -o json",
    ] {
        let text = environment.run(&format!("fleet {line}")).text();
        assert!(text.contains(&image), "fleet {line}: {text}");
    }
}

#[test]
fn a_list_is_for_people_for_pipes_and_for_reading_again() {
    let (_fake, environment) = logged_in(Scene { hosts: vec![host(1), host(2)], ..Default::default() });
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 0
    stdout:
    HOST   LINK    FOR  LABELS   INSTANCES
    lab-1  online  5m   site=fr  notes-1
    lab-2  online  5m   site=fr  notes-2
    ");
    assert_snapshot!(environment.run("fleet host ls -o wide").text(), @r"
    exit 0
    stdout:
    HOST   LINK    FOR  LABELS   INSTANCES  AGENT  ENGINE  DISK FREE  CLOCK  ADDRESS  ADDED
    lab-1  online  5m   site=fr  notes-1    -      -       -          right  -        -
    lab-2  online  5m   site=fr  notes-2    -      -       -          right  -        -
    ");
    assert_snapshot!(environment.run("fleet host ls -o name").text(), @r"
    exit 0
    stdout:
    lab-1
    lab-2
    ");
}

#[test]
fn a_list_in_yaml_is_the_same_as_in_json() {
    let (_fake, environment) = logged_in(Scene { hosts: vec![host(1), host(2)], ..Default::default() });
    assert_snapshot!(environment.run("fleet host ls -o yaml").text(), @r#"
    exit 0
    stdout:
    - name: lab-1
      labels:
        site: fr
      link: online
      since_ms: 1795154100000
      agent_version: ""
      engine_version: ""
      clock_skew_ms: 0
      disk_free: 0
      address: ""
      added_ms: 0
      certificate_expires_ms: 0
      instances:
      - notes-1
      policy: null
      heard_ms: 0
      refused: null
      hint: null
      duplicate: null
    - name: lab-2
      labels:
        site: fr
      link: online
      since_ms: 1795154100000
      agent_version: ""
      engine_version: ""
      clock_skew_ms: 0
      disk_free: 0
      address: ""
      added_ms: 0
      certificate_expires_ms: 0
      instances:
      - notes-2
      policy: null
      heard_ms: 0
      refused: null
      hint: null
      duplicate: null
    "#);
}

#[test]
fn a_list_in_json_is_the_coordinators_own_words() {
    let (_fake, environment) = logged_in(Scene { hosts: vec![host(1), host(2)], ..Default::default() });
    let json = environment.run("fleet host ls -o json").done();
    let data: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(data[1]["name"], "lab-2");
    assert_eq!(data[1]["since_ms"], NOW - 300_000);
}

#[test]
fn an_empty_list_says_what_to_do_and_its_answer_is_empty() {
    let (_fake, environment) = logged_in(Scene::default());
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 0
    stderr:
    there are no hosts yet; add one with `fleet host add NAME`
    ");
    assert_snapshot!(environment.run("fleet host ls -o json").text(), @r"
    exit 0
    stdout:
    []
    ");
    assert_snapshot!(environment.run("fleet --quiet instance ls").text(), @"exit 0");
    assert_snapshot!(environment.run("fleet app ls").text(), @r"
    exit 0
    stderr:
    there are no apps yet; push one with `fleet app push DIR --version VERSION`
    ");
}

#[test]
fn a_selector_is_asked_of_the_coordinator() {
    let (fake, environment) = logged_in(Scene::default());
    environment.run("fleet host ls -l site=fr,tier!=test").done();
    assert_snapshot!(fake.heard(), @r#"
    ListHostsRequest { selector: "site=fr,tier!=test", name: "" }
    "#);
}

#[test]
fn what_is_not_there_is_said() {
    let (_fake, environment) = logged_in(Scene::default());
    assert_snapshot!(environment.run("fleet instance show notes-9").text(), @r"
    exit 1
    stderr:
    error: there is no instance notes-9
    hint: `fleet instance ls` lists them
    ");
    assert_snapshot!(environment.run("fleet rollout explain").text(), @r"
    exit 1
    stderr:
    error: there are no rollouts yet
    hint: start one with `fleet rollout --version VERSION`
    ");
}

#[test]
fn the_status_is_one_screen() {
    let status = Status {
        now_ms: NOW,
        hosts: 2,
        hosts_online: 1,
        instances: 2,
        instances_healthy: 2,
        host_lines: vec![host(1), host(2)],
        instance_lines: vec![instance(1), instance(2)],
        rollouts: vec![rollout("running", &[("under way", "pulling web"), ("waiting", "")])],
        attention: vec![Attention {
            subject: Some((&EventSubject::from("host lab-2".to_owned())).into()),
            problem: Some(Problem::Unhealthy(HealthProblem::other("offline\u{9b}31m")).into()),
            hint: "lab-2".parse().ok().map(|host| Hint::ShowHost(host).into()),
        }],
        versions: vec![VersionCount { app: "labnotes".to_owned(), version: "1.1".to_owned(), instances: 2 }],
        ..Default::default()
    };
    let (_fake, environment) = logged_in(Scene { status, ..Default::default() });
    let json = environment.run("fleet status -o json").text();
    assert!(json.contains(r#""text": "see `fleet host show lab-2`""#), "{json}");
    assert_snapshot!(environment.run("fleet status").text(), @r"
    exit 0
    stdout:
    hosts      1 of 2 online
    instances  2 of 2 healthy
    versions   labnotes@1.1 on 2

    needs a person
      host lab-2: unhealthy: offline\u009b31m
        see `fleet host show lab-2`

    rollouts
      labnotes-3  labnotes@1.2  running (1 under way, 1 waiting)
        notes-1 on lab-1  1.1 -> 1.2: pulling web

    HOST   LINK    FOR  LABELS   INSTANCES
    lab-1  online  5m   site=fr  notes-1
    lab-2  online  5m   site=fr  notes-2

    INSTANCE  HOST   APP       VERSION  HEALTH   NOW
    notes-1   lab-1  labnotes  1.1      healthy  -
    notes-2   lab-2  labnotes  1.1      healthy  -
    ");
    let json = environment.run("fleet status -o json").done();
    let data: serde_json::Value = serde_json::from_str(&json).expect("it is JSON whatever a host says");
    assert_eq!(data["hosts_online"], 1);
}

fn event(subject: &str, text: &str) -> EventView {
    let subject = EventSubject::from(subject.to_owned());
    EventView { at_ms: NOW, subject: Some((&subject).into()), kind: Some(EventKind::Text(text.into()).into()) }
}

#[test]
fn events_have_a_line_each() {
    let by = "ada".parse().expect("a name");
    let added = EventView { kind: Some(EventKind::Added { by }.into()), ..event("host lab-1", "") };
    let events = vec![event("host lab-1", "came\nonline"), added];
    let (fake, environment) = logged_in(Scene { events, ..Default::default() });
    assert_snapshot!(environment.run("fleet events --tail 5 --about lab-1").text(), @r"
    exit 0
    stdout:
    2026-11-20T06:00:00Z  host lab-1  came; online
    2026-11-20T06:00:00Z  host lab-1  added by ada
    ");
    assert_snapshot!(environment.run("fleet events -o json").text(), @r#"
    exit 0
    stdout:
    {"at_ms":1795154400000,"subject":"host lab-1","code":"text","arguments":["came\nonline"],"text":"came\nonline"}
    {"at_ms":1795154400000,"subject":"host lab-1","code":"added","arguments":["ada"],"text":"added by ada"}
    "#);
    assert_snapshot!(fake.heard(), @r#"
    ListEventsRequest { tail: 5, follow: false, subject: "lab-1" }
    ListEventsRequest { tail: 50, follow: false, subject: "" }
    "#);
}

#[test]
fn logs_cannot_act_on_a_terminal() {
    let log = |service: &str, text: &str| LogView {
        service: service.to_owned(),
        stream: LogStream::Stdout.into(),
        at_ms: NOW,
        text: text.to_owned(),
    };
    let logs = vec![log("web", "\u{1b}[31mred\u{1b}[2J\n"), log("db", "ready\r\nfor you\n")];
    let (_fake, environment) = logged_in(Scene { logs, ..Default::default() });
    assert_snapshot!(environment.run("fleet logs notes-1").text(), @r"
    exit 0
    stdout:
    web | \u001b[31mred\u001b[2J
    db | ready
    db | for you
    ");
    assert_snapshot!(environment.run("fleet logs notes-1 web --timestamps").text(), @r"
    exit 0
    stdout:
    2026-11-20T06:00:00Z \u001b[31mred\u001b[2J
    2026-11-20T06:00:00Z ready
    2026-11-20T06:00:00Z for you
    ");
}

#[test]
fn every_page_of_help_can_be_read() {
    let environment = TestEnvironment::new();
    for page in ["exit-codes", "output", "rollouts", "selectors", "tokens", "values", "windows"] {
        assert!(environment.run(&format!("fleet help {page}")).done().len() > 200, "{page} is short");
    }
    assert!(environment.run("fleet help").done().contains("rollout"));
    assert!(environment.run("fleet help rollout undo").done().contains("Take a rollout back"));
    assert_snapshot!(environment.run("fleet help exit-codes").text(), @r"
    exit 0
    stdout:
    EXIT CODES

      0    done: what you asked for is so
      1    the fleet said no, or it ended otherwise than you wished (a rollout that halted, an install that went back), or it
           has to wait: the host is offline, or its own hours are closed. The request is kept, and done when that is over
      2    the command line is wrong, or it wants a yes that nobody can give (add --yes)
      3    the coordinator cannot be reached: wrong address, closed port, it is not running, or it is not the right one
      130  you pressed Ctrl-C: what was begun goes on by itself

    stdout is the answer, stderr is the story: `fleet host ls -o name | xargs …` sees names only.
    An error is three lines at most: what failed, why, and a hint what to do next.
    ");
}

#[test]
fn completion_is_a_script_for_each_shell() {
    let environment = TestEnvironment::new();
    for (shell, word) in [("bash", "complete -o"), ("zsh", "#compdef fleet"), ("fish", "complete --keep-order")] {
        let script = environment.run(&format!("fleet completion {shell}")).done();
        assert!(script.contains(word) && script.contains("COMPLETE"), "{shell}: {script}");
    }
}
