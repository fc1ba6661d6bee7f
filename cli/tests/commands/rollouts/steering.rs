//! Running rollouts: shown, and steered.

use crate::environment::TestEnvironment;
use crate::fake::{Fake, logged_in};
use crate::scene::{Scene, rollout};
use insta::assert_snapshot;

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
    SteerRolloutRequest { id: "labnotes-3", action: Pause }
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
    assert!(!fake.heard().contains("Undo"));
    let output = environment.run("fleet rollout undo labnotes-3 --yes --detach");
    assert_snapshot!(output.text(), @r"
    exit 0
    stdout:
    labnotes-3

    stderr:
      notes-1  lab-1  1.2 -> 1.1
    ");
    assert!(fake.heard().contains("action: Undo"));
}
