//! Progress and an end, in a pipe and on a terminal.

use super::good;
use crate::fake::logged_in;
use crate::scene::{Scene, rollout};
use fleet_core::halt_reason::{HaltReason, MemberFailure, MemberFailureKind};
use fleet_core::order_failure::OrderFailure;
use insta::assert_snapshot;

#[test]
fn a_rollout_that_halts_is_a_failure_with_its_reason() {
    let mut halted = rollout("halted", &[("failed", "the probe got no answer in 60 s"), ("waiting", "")]);
    let failure = MemberFailure {
        instance: "notes-1".parse().expect("a name"),
        from: "1.1".parse().expect("a version"),
        kind: MemberFailureKind::RolledBack(OrderFailure::other("the probe got no answer in 60 s")),
    };
    halted.halt_reason = Some(HaltReason::new(true, vec![failure]).into());
    let frames = vec![rollout("running", &[("under way", ""), ("waiting", "")]), halted];
    let (_fake, environment) = logged_in(Scene { frames, ..good() });
    assert_snapshot!(environment.run("fleet --quiet rollout --version 1.2 --yes").text(), @r"
    exit 1
    stdout:
    labnotes-3: halted (1 failed, 1 waiting)

    stderr:
    error: could not roll out 1.2
      because the canary failed: notes-1 was rolled back to 1.1: the probe got no answer in 60 s
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
    06:00:00  notes-2  lab-2  offline: it catches up when its host is back
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
    let output = environment.run("fleet rollout show labnotes-3 --follow");
    assert_eq!((output.code, output.stdout.as_str()), (0, "labnotes-3: done (2 done)\n"));
}

#[test]
fn a_terminal_has_a_board_that_is_redrawn() {
    let (_fake, environment) = logged_in(good());
    let environment = environment.on_a_terminal(60, 24);
    let output = environment.run("fleet rollout show labnotes-3 --follow");
    assert_snapshot!(output.text().replace('\u{1b}', "ESC"), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    labnotes-3  labnotes -> 1.2  running (2 waiting)
    . notes-1  lab-1  1.1 -> 1.2  waiting: its wave has not co…
    . notes-2  lab-2  1.1 -> 1.2  waiting: its wave has not co…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 under way, 1 waiti…
    > notes-1  lab-1  1.1 -> 1.2  under way 5s: pulling web
    . notes-2  lab-2  1.1 -> 1.2  waiting: its wave has not co…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 under way, 1 waiti…
    > notes-1  lab-1  1.1 -> 1.2  under way 5s: starting web
    . notes-2  lab-2  1.1 -> 1.2  waiting: its wave has not co…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  soaking (1 done, 1 waiting)
    + notes-1  lab-1  1.1 -> 1.2  done
    . notes-2  lab-2  1.1 -> 1.2  waiting: its wave has not co…
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  running (1 done, 1 under way)
    + notes-1  lab-1  1.1 -> 1.2  done
    > notes-2  lab-2  1.1 -> 1.2  under way 5s: pulling web
    ESC[3FESC[Jlabnotes-3  labnotes -> 1.2  done (2 done)
    + notes-1  lab-1  1.1 -> 1.2  done
    + notes-2  lab-2  1.1 -> 1.2  done
    ");
}
