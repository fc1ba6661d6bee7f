//! The main thing: a plan, a question, progress, an end.

use crate::environment::TestEnvironment;
use crate::fake::{Fake, logged_in};
use crate::scene::{Scene, rollout};
use fleet_proto::v1::{LeftOutView, Proposal, ProposedChange, Wave};
use insta::assert_snapshot;

fn proposal() -> Proposal {
    let change = |number: u32, online: bool| ProposedChange {
        instance: format!("notes-{number}"),
        host: format!("lab-{number}"),
        from: "1.1".to_owned(),
        to: "1.2".to_owned(),
        online,
        changes: vec!["image of web: labnotes-web:1.1 -> labnotes-web:1.2".to_owned(), "recreate web".to_owned()],
    };
    Proposal {
        app: "labnotes".to_owned(),
        version: "1.2".to_owned(),
        digest: format!("sha256:{}", "0a".repeat(32)),
        waves: vec![
            Wave { name: "canary".to_owned(), changes: vec![change(1, true)] },
            Wave { name: "1".to_owned(), changes: vec![change(2, true), change(3, false)] },
        ],
        left_out: vec![LeftOutView { instance: "notes-4".to_owned(), reason: "it is at 1.2 already".to_owned() }],
        strategy: vec!["1 goes first, then 1 at a time".to_owned(), "it halts when 1 has failed".to_owned()],
    }
}

fn good() -> Scene {
    let wait = ("waiting", "the canary goes first");
    let frames = vec![
        rollout("running", &[("waiting", ""), wait]),
        rollout("running", &[("under way", "pulling web"), wait]),
        rollout("running", &[("under way", "starting web"), wait]),
        rollout("soaking", &[("done", ""), wait]),
        rollout("running", &[("done", ""), ("under way", "pulling web")]),
        rollout("done", &[("done", ""), ("done", "")]),
    ];
    Scene { proposal: proposal(), frames, ..Default::default() }
}

#[test]
fn a_rollout_shows_its_plan_and_goes_on_to_its_end() {
    let (fake, environment) = logged_in(good());
    assert_snapshot!(environment.run("fleet rollout --version 1.2 --yes").text(), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    labnotes -> 1.2 (0a0a0a0a0a0a): 3 instances in 2 waves
      1 goes first, then 1 at a time
      it halts when 1 has failed

    canary
      notes-1  lab-1  1.1 -> 1.2
          image of web: labnotes-web:1.1 -> labnotes-web:1.2
          recreate web

    wave 1
      notes-2  lab-2  1.1 -> 1.2  as notes-1
      notes-3  lab-3  1.1 -> 1.2  offline: catches up when it is back  as notes-1

    left out
      notes-4  it is at 1.2 already

    06:00:00  labnotes-3  running (2 waiting)
    06:00:00  notes-1  lab-1  under way: pulling web
    06:00:00  notes-1  lab-1  under way: starting web
    06:00:00  notes-1  lab-1  done
    06:00:00  labnotes-3  soaking (1 done, 1 waiting)
    06:00:00  notes-2  lab-2  under way: pulling web
    06:00:00  labnotes-3  running (1 done, 1 under way)
    06:00:00  notes-2  lab-2  done
    06:00:00  labnotes-3  done (2 done)
    ");
    assert_snapshot!(fake.heard(), @r#"
    ProposeRolloutRequest { app: "", version: "1.2", selector: "", canary: None, at_once: "", soak_ms: None, max_failures: None, per: {}, window: "", deadline_ms: None }
    ProposeRolloutRequest { app: "", version: "1.2", selector: "", canary: None, at_once: "", soak_ms: None, max_failures: None, per: {}, window: "", deadline_ms: None }
    ShowRolloutRequest { id: "labnotes-3" }
    "#);
}

#[test]
fn how_it_goes_is_asked_as_it_was_wished() {
    let (fake, environment) = logged_in(good());
    let line = "fleet rollout --version 1.2 --app labnotes --on site=fr --canary 2 --at-once 25% --soak 10m --max-failures 2 \
                --per site=1 --per rack=2 --window Mon-Fri~22:00-04:00+01:00 --deadline 1h --dry-run";
    environment.run(line).done();
    assert_snapshot!(fake.heard(), @r#"
    ProposeRolloutRequest { app: "labnotes", version: "1.2", selector: "site=fr", canary: Some(2), at_once: "25%", soak_ms: Some(600000), max_failures: Some(2), per: {"rack": 2, "site": 1}, window: "Mon,Tue,Wed,Thu,Fri 22:00-04:00+01:00", deadline_ms: Some(3600000) }
    "#);
}

#[test]
fn a_dry_run_is_the_answer() {
    let (fake, environment) = logged_in(good());
    let told = environment.run("fleet rollout --version 1.2 --dry-run");
    assert!(told.stdout.starts_with("labnotes -> 1.2"));
    assert_eq!(fake.heard().lines().count(), 1, "it is proposed, not started");
    let json = environment.run("fleet rollout --version 1.2 --dry-run -o json").done();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON")["waves"][0]["name"], "canary");
}

#[test]
fn nobody_is_taken_to_agree() {
    let (fake, environment) = logged_in(good());
    let told = environment.run("fleet --quiet rollout --version 1.2");
    assert_snapshot!(told.text(), @r"
    exit 2
    stderr:
    labnotes -> 1.2 (0a0a0a0a0a0a): 3 instances in 2 waves
      1 goes first, then 1 at a time
      it halts when 1 has failed

    canary
      notes-1  lab-1  1.1 -> 1.2
          image of web: labnotes-web:1.1 -> labnotes-web:1.2
          recreate web

    wave 1
      notes-2  lab-2  1.1 -> 1.2  as notes-1
      notes-3  lab-3  1.1 -> 1.2  offline: catches up when it is back  as notes-1

    left out
      notes-4  it is at 1.2 already

    error: could not roll out 1.2
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    assert_eq!(fake.heard().lines().count(), 1, "it was proposed and never started");
}

#[test]
fn who_says_no_has_changed_nothing() {
    let (fake, environment) = logged_in(good());
    let environment = environment.typing("n\n");
    assert_snapshot!(environment.run("fleet --quiet rollout --version 1.2").text(), @r"
    exit 1
    stderr:
    labnotes -> 1.2 (0a0a0a0a0a0a): 3 instances in 2 waves
      1 goes first, then 1 at a time
      it halts when 1 has failed

    canary
      notes-1  lab-1  1.1 -> 1.2
          image of web: labnotes-web:1.1 -> labnotes-web:1.2
          recreate web

    wave 1
      notes-2  lab-2  1.1 -> 1.2  as notes-1
      notes-3  lab-3  1.1 -> 1.2  offline: catches up when it is back  as notes-1

    left out
      notes-4  it is at 1.2 already

    Roll labnotes 1.2 out to 3 instances? [y/N] error: did not roll out 1.2
      because you did not agree; nothing was changed
    ");
    assert_eq!(fake.heard().lines().count(), 1, "it was proposed and never started");
    let environment = environment.typing("y\n");
    assert_snapshot!(environment.run("fleet --quiet rollout --version 1.2").text(), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    labnotes -> 1.2 (0a0a0a0a0a0a): 3 instances in 2 waves
      1 goes first, then 1 at a time
      it halts when 1 has failed

    canary
      notes-1  lab-1  1.1 -> 1.2
          image of web: labnotes-web:1.1 -> labnotes-web:1.2
          recreate web

    wave 1
      notes-2  lab-2  1.1 -> 1.2  as notes-1
      notes-3  lab-3  1.1 -> 1.2  offline: catches up when it is back  as notes-1

    left out
      notes-4  it is at 1.2 already

    Roll labnotes 1.2 out to 3 instances? [y/N]
    ");
}

#[test]
fn a_rollout_that_halts_is_a_failure_with_its_reason() {
    let mut halted =
        rollout("halted", &[("failed", "went back to 1.1: the probe got no answer in 60 s"), ("waiting", "")]);
    halted.phase_reason = "the canary failed: notes-1 went back to 1.1: the probe got no answer in 60 s".to_owned();
    let frames = vec![rollout("running", &[("under way", ""), ("waiting", "")]), halted];
    let (_fake, environment) = logged_in(Scene { frames, ..good() });
    assert_snapshot!(environment.run("fleet --quiet rollout --version 1.2 --yes").text(), @r"
    exit 1
    stdout:
    labnotes-3: halted (1 failed, 1 waiting)

    stderr:
    error: could not roll out 1.2
      because the canary failed: notes-1 went back to 1.1: the probe got no answer in 60 s
    hint: see `fleet rollout explain labnotes-3`, then `fleet rollout resume labnotes-3` or `fleet rollout undo labnotes-3`
    ");
}

#[test]
fn hosts_that_are_offline_do_not_keep_us() {
    let frames = vec![rollout("done but offline", &[("done", ""), ("offline", "")])];
    let (_fake, environment) = logged_in(Scene { frames, ..good() });
    assert_snapshot!(environment.run("fleet rollout show labnotes-3 --follow").text(), @r"
    exit 0
    stdout:
    labnotes-3: done but offline (1 done, 1 offline)

    stderr:
    06:00:00  notes-1  lab-1  done
    06:00:00  notes-2  lab-2  offline
    06:00:00  labnotes-3  done but offline (1 done, 1 offline)
    those offline catch up when they are back, under the same gates
    ");
}

#[test]
fn a_broken_link_is_mended() {
    let (_fake, environment) = logged_in(Scene { breaks: 1, ..good() });
    assert_snapshot!(environment.run("fleet rollout show labnotes-3 --follow").text(), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    06:00:00  labnotes-3  running (2 waiting)
    trying again: could not reach the coordinator at 127.0.0.1:PORT: the coordinator stops
    06:00:00  notes-1  lab-1  under way: pulling web
    06:00:00  notes-1  lab-1  under way: starting web
    06:00:00  notes-1  lab-1  done
    06:00:00  labnotes-3  soaking (1 done, 1 waiting)
    06:00:00  notes-2  lab-2  under way: pulling web
    06:00:00  labnotes-3  running (1 done, 1 under way)
    06:00:00  notes-2  lab-2  done
    06:00:00  labnotes-3  done (2 done)
    ");
}

#[test]
fn after_a_break_hosts_have_time_to_come_back() {
    let after_break = vec![rollout("done but offline", &[("done", ""), ("offline", "")])];
    let (_fake, environment) = logged_in(Scene { breaks: 1, after_break, ..good() });
    let told = environment.run("fleet rollout show labnotes-3 --follow");
    assert_eq!((told.code, told.stdout.as_str()), (0, "labnotes-3: done (2 done)\n"));
}

#[test]
fn a_terminal_has_a_board_that_is_redrawn() {
    let (_fake, environment) = logged_in(good());
    let environment = environment.on_a_terminal(60, 24);
    let told = environment.run("fleet rollout show labnotes-3 --follow");
    assert_snapshot!(told.text().replace('\u{1b}', "ESC"), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    labnotes-3  labnotes -> 1.2  running (2 waiting)
    . notes-1  lab-1  1.1 -> 1.2  waiting
    . notes-2  lab-2  1.1 -> 1.2  waiting: the canary goes fir…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 under way, 1 waiti…
    > notes-1  lab-1  1.1 -> 1.2  under way 5s: pulling web
    . notes-2  lab-2  1.1 -> 1.2  waiting: the canary goes fir…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 under way, 1 waiti…
    > notes-1  lab-1  1.1 -> 1.2  under way 5s: starting web
    . notes-2  lab-2  1.1 -> 1.2  waiting: the canary goes fir…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  soaking (1 done, 1 waiting)
    + notes-1  lab-1  1.1 -> 1.2  done
    . notes-2  lab-2  1.1 -> 1.2  waiting: the canary goes fir…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 done, 1 under way)
    + notes-1  lab-1  1.1 -> 1.2  done
    > notes-2  lab-2  1.1 -> 1.2  under way 5s: pulling web
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  done (2 done)
    + notes-1  lab-1  1.1 -> 1.2  done
    + notes-2  lab-2  1.1 -> 1.2  done
    ");
}

fn shown(phase: &str, states: &[(&str, &str)]) -> (Fake, TestEnvironment) {
    let view = rollout(phase, states);
    logged_in(Scene { rollouts: vec![view.clone()], frames: vec![view], ..Default::default() })
}

#[test]
fn rollouts_are_listed_shown_and_explained() {
    let (_fake, environment) = shown("running", &[("done", ""), ("under way", "pulling web")]);
    assert_snapshot!(environment.run("fleet rollout ls").text(), @r"
    exit 0
    stdout:
    ROLLOUT     APP       VERSION  PHASE    MEMBERS              STARTED  BY
    labnotes-3  labnotes  1.2      running  1 done, 1 under way  60s      ada
    ");
    assert_snapshot!(environment.run("fleet rollout show").text(), @r"
    exit 0
    stdout:
    rollout  labnotes-3
    target   labnotes@1.2
    phase    running
    members  1 done, 1 under way
    started  60s ago by ada

    instances
      notes-1  lab-1  1.1 -> 1.2  5s  done
      notes-2  lab-2  1.1 -> 1.2  5s  under way: pulling web
    ");
    assert_snapshot!(environment.run("fleet rollout explain").text(), @r"
    exit 0
    stdout:
    labnotes-3 is running
    ");
}

#[test]
fn the_rollout_that_is_meant_need_not_be_named() {
    let (fake, environment) = shown("paused", &[("done", ""), ("waiting", "")]);
    assert_snapshot!(environment.run("fleet rollout pause").text(), @r"
    exit 0
    stdout:
    labnotes-3: paused (1 done, 1 waiting)
    ");
    assert_snapshot!(fake.heard(), @r#"
    ListRolloutsRequest { app: "" }
    SteerRolloutRequest { id: "labnotes-3", wish: "pause" }
    "#);
}

#[test]
fn an_undo_shows_who_goes_back_and_asks() {
    let (fake, environment) = shown("done", &[("done", ""), ("failed", "")]);
    assert_snapshot!(environment.run("fleet rollout undo labnotes-3").text(), @r"
    exit 2
    stderr:
      notes-1  lab-1  1.2 -> 1.1
    error: could not undo labnotes-3
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    assert!(!fake.heard().contains("undo"));
    let told = environment.run("fleet rollout undo labnotes-3 --yes --detach");
    assert_snapshot!(told.text(), @r"
    exit 0
    stdout:
    labnotes-3

    stderr:
      notes-1  lab-1  1.2 -> 1.1
    ");
    assert!(fake.heard().contains("wish: \"undo\""));
}
