//! Progress of a rollout through a fleet: order, concurrency, and refusals at the start.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::Fleet;

/// Keeps 1.2 unhealthy until it is released: an upgrade that lasts as long as a story needs.
pub fn hold(fleet: &Fleet) {
    fleet.behave("1.2", Behaviour::Sick);
}

pub fn let_go(fleet: &Fleet, host: &str) {
    fleet.host(host).runtime.meddle(|world| world.behaviours.clear());
}

/// The instances of the rollout in a state, in their order.
fn those(fleet: &Fleet, state: &str) -> Vec<String> {
    let members = fleet.rollout().map(|rollout| rollout.members).unwrap_or_default();
    members
        .into_iter()
        .filter(|member| fleet_proto::words::word::<fleet_proto::v1::MemberState>(member.state) == state)
        .map(|member| member.instance)
        .collect()
}

#[track_caller]
fn wait_those(fleet: &Fleet, state: &str, expect: &[&str]) {
    fleet.until(&format!("{expect:?} to be {state}"), || those(fleet, state) == expect);
}

#[test]
fn a_canary_goes_first_and_then_so_many_at_once() {
    let fleet = Fleet::running(&["lab-1", "lab-2", "lab-3", "lab-4"]);
    hold(&fleet);
    let rollout = fleet.admin.start("rollout --version 1.2 --yes --canary 1 --at-once 2 --soak 0s");
    wait_those(&fleet, "under way", &["notes-1"]);
    assert_eq!(those(&fleet, "waiting"), ["notes-2", "notes-3", "notes-4"]);
    fleet.until("it to be explained", || fleet.done("rollout explain").contains("the canary goes first"));
    let_go(&fleet, "lab-1");
    wait_those(&fleet, "under way", &["notes-2", "notes-3"]);
    assert_eq!(those(&fleet, "waiting"), ["notes-4"]);
    ["lab-2", "lab-3", "lab-4"].iter().for_each(|host| let_go(&fleet, host));
    let output = rollout.finish();
    assert_eq!(output.code, 0, "{}", output.text());
    for number in 1..=4 {
        assert_eq!(fleet.state(&format!("notes-{number}")), "1.2 healthy");
        let starts = fleet.host(&format!("lab-{number}")).starts(&format!("notes-{number}"));
        assert_eq!(starts, ["notes-web:1.1", "notes-web:1.2"], "each was upgraded once");
    }
}

#[test]
fn at_most_so_many_at_a_time_per_label() {
    let fleet = Fleet::running(&["lab-1 site=fr", "lab-2 site=fr", "lab-3 site=de"]);
    hold(&fleet);
    fleet.done("rollout --version 1.2 --yes --canary 0 --at-once 3 --per site=1 --soak 0s --detach");
    wait_those(&fleet, "under way", &["notes-1", "notes-3"]);
    assert_eq!(those(&fleet, "waiting"), ["notes-2"]);
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("notes-2: wait") && explained.contains("site"), "{explained}");
    let_go(&fleet, "lab-1");
    wait_those(&fleet, "under way", &["notes-2", "notes-3"]);
    let_go(&fleet, "lab-2");
    let_go(&fleet, "lab-3");
    fleet.wait_phase("done");
}

#[test]
fn a_wave_is_watched_before_the_next_begins() {
    let fleet = Fleet::running(&["lab-1 site=fr", "lab-2 site=fr", "lab-3 site=de"]);
    fleet.done("rollout --version 1.2 --on site=fr --yes --canary 1 --soak 1h --detach");
    fleet.wait_phase("soaking");
    assert_eq!((fleet.member("notes-1"), fleet.member("notes-2")), ("done".to_owned(), "waiting".to_owned()));
    assert_eq!(fleet.member("notes-3"), "", "it was not selected");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("watches what it has done"), "{explained}");
    fleet.done("rollout abort");
    fleet.wait_phase("aborted");
    assert_eq!(fleet.state("notes-2"), "1.1 healthy");
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let table = [
        ("--version 1.2 --canary 2", "a canary of 2 is not smaller than its group of 2", "below 2"),
        ("--version 1.2 --window 22:00-22:05 --deadline 10m", "the window is open for 5 min", "widen `--window`"),
        ("--version 9.9", "9.9", ""),
        ("--version 1.1", "at notes@1.1 already", "fleet instance ls"),
        ("--version 1.2 --app other", "other", ""),
        ("--version 1.2 --on site=fr", "matches `site=fr`", "fleet host ls"),
        ("--version 1.2 --per site=1", "no host has a label `site`", "--per LABEL=N"),
        ("--version 1.2 --max-failures 0", "would halt before it begins", "--max-failures"),
    ];
    for (request, says, hints) in table {
        let output = fleet.refused(&format!("rollout {request} --yes"));
        output.says(says);
        assert!(output.stderr.contains(hints), "{}", output.text());
    }
    for request in ["--version 1.2 --at-once 0", "--version 1.2 --window soon", "--version 1.2 --per site"] {
        let output = fleet.admin.run(&format!("rollout {request} --yes"));
        assert_eq!(output.code, 2, "{}", output.text());
    }
    assert_eq!(fleet.done("rollout ls -o name").trim(), "");

    hold(&fleet);
    fleet.done("rollout --version 1.2 --yes --soak 0s --detach");
    fleet.refused("rollout --version 1.2 --yes").says("notes-1 of notes is not over").hints("fleet rollout abort");
    fleet.done("rollout abort");
}

#[test]
fn outside_its_window_a_rollout_begins_nothing() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    // Eleven hours that begin in one: closed now, at any time of the day.
    let hour = (fleet_tests::fleet::now().0 / 3_600_000 + 2) % 24;
    let window = format!("{hour:02}:00-{:02}:00", (hour + 11) % 24);
    fleet.done(&format!("rollout --version 1.2 --yes --window {window} --soak 0s --detach"));
    fleet.wait_phase("outside its window");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("begins nothing outside its window"), "{explained}");
    assert_eq!(those(&fleet, "waiting").len(), 2);
}

#[test]
fn a_dry_run_shows_waves_and_changes() {
    let fleet = Fleet::running(&["lab-1", "lab-2", "lab-3"]);
    fleet.done("install notes@1.2 --host lab-1 --name notes-9 --set password=p --set port=9000");
    let output = fleet.admin.run("rollout --version 1.2 --at-once 2 --dry-run");
    assert_eq!(output.code, 0, "{}", output.text());
    output.says("3 instances in 2 waves").says("canary").says("wave").says("1.1 -> 1.2");
    output.says("notes-web:1.1 -> notes-web:1.2").says("left out").says("notes-9").says("nothing was changed");
    assert_eq!(fleet.done("rollout ls -o name").trim(), "");
    let output = fleet.admin.piping("no\n", "rollout --version 1.2");
    assert_ne!(output.code, 0, "nobody agreed: {}", output.text());
    assert_eq!(fleet.done("rollout ls -o name").trim(), "");
}

#[test]
fn progress_reads_well_in_a_pipe() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let output = fleet.admin.run("rollout --version 1.2 --yes --soak 0s --at-once 1");
    assert_eq!(output.code, 0, "{}", output.text());
    assert_eq!(output.stdout, "notes-1: done (2 done)\n");
    // How many short states are seen depends on the machine; the end does not.
    let passes = |line: &&str| line.contains("under way") || line.contains("running");
    let story = output.story();
    let progress: Vec<&str> = story.lines().filter(|line| line.starts_with("TIME") && !passes(line)).collect();
    insta::assert_snapshot!(progress.join("\n"), @r"
    TIME  notes-1  lab-1  done
    TIME  notes-2  lab-2  done
    TIME  notes-1  done (2 done)
    ");
    let shown = fleet.done("rollout show");
    assert!(shown.contains("done") && shown.contains("notes-2"), "{shown}");
}
