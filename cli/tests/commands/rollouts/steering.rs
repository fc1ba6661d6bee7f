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

#[test]
fn a_skip_shows_what_becomes_of_the_instance_and_asks() {
    let (fake, environment) = shown("halted", &[("done", ""), ("failed", "no answer")]);
    let skip = "fleet rollout skip notes-2 --reason disk";
    assert_snapshot!(environment.run(skip).text(), @r"
    exit 2
    stderr:
      notes-2  lab-2  1.1 -> 1.2  failed: rolled back: no answer
          skipped: disk; what runs on its host stays as it is
      labnotes-3 is then halted (1 done, 1 failed)
    error: could not skip notes-2
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    assert!(!fake.heard().contains("dry_run: false"));
    assert_snapshot!(environment.run(&format!("{skip} --yes")).text(), @r"
    exit 0
    stdout:
    labnotes-3: halted (1 done, 1 failed)

    stderr:
      notes-2  lab-2  1.1 -> 1.2  failed: rolled back: no answer
          skipped: disk; what runs on its host stays as it is
      labnotes-3 is then halted (1 done, 1 failed)
    ");
    assert!(fake.heard().contains("action: Skip, reason: \"disk\", dry_run: false"), "{}", fake.heard());
}

#[test]
fn a_retry_can_be_looked_at_first() {
    let (fake, environment) = shown("halted", &[("done", ""), ("failed", "no answer")]);
    assert_snapshot!(environment.run("fleet rollout retry notes-2 --dry-run").text(), @r"
    exit 0
    stdout:
      notes-2  lab-2  1.1 -> 1.2  failed: rolled back: no answer
          it is tried again, under the same gates
      labnotes-3 is then halted (1 done, 1 failed)

    stderr:
    this was a dry run: nothing was changed
    ");
    assert!(!fake.heard().contains("dry_run: false"));
}

#[test]
fn a_rollout_that_ends_without_an_instance_does_not_end_well() {
    let (_fake, environment) = shown("done", &[("done", ""), ("skipped", "its disk is being replaced")]);
    assert_snapshot!(environment.run("fleet rollout show --follow").text(), @r"
    exit 1
    stdout:
    labnotes-3: done (1 done, 1 skipped)

    stderr:
    06:00:00  notes-1  lab-1  done
    06:00:00  notes-2  lab-2  skipped: its disk is being replaced (by ada)
    06:00:00  labnotes-3  done (1 done, 1 skipped)
    error: could not roll out 1.2 everywhere
      because notes-2 was skipped: its disk is being replaced (by ada)
    hint: see `fleet rollout show labnotes-3`; a new rollout takes in what was skipped
    ");
}
