//! Errors that a person sees.

use crate::environment::TestEnvironment;
use crate::fake::logged_in;
use crate::scene::Scene;
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::refused_call::{Attempt, CallRefusal, NamedKind};
use insta::assert_snapshot;

fn check(line: &str, expect: &str) {
    let shown = TestEnvironment::new().run(line);
    assert_eq!((shown.code, shown.stderr.trim_end()), (2, expect), "for `{line}`");
}

#[test]
fn a_wrong_command_line_is_told_in_two_lines() {
    check(
        "fleet bogus",
        "error: unrecognized subcommand 'bogus'\nhint: some similar subcommands exist: 'logout', 'logs'",
    );
    check(
        "fleet rollout",
        "error: the following required arguments were not provided: --version <VERSION>\nhint: write `fleet rollout --version <VERSION>`, or see `fleet rollout --help`",
    );
    check(
        "fleet install labnotes --host a --name b",
        "error: `labnotes` is not a release: write APP@VERSION, such as `labnotes@1.2`\nhint: see `fleet install --help`",
    );
    check(
        "fleet host add Lab",
        "error: `Lab` is not a host name: use lower-case letters, digits, `-` and `_`\nhint: see `fleet host add --help`",
    );
    check("fleet host add lab -l x", "error: `x` is not a label: write KEY=VALUE, such as `site=fr`");
    check(
        "fleet host ls -l a~b",
        "error: `a b` is not a selector: write KEY=VALUE, KEY!=VALUE, KEY or !KEY, joined by commas\nhint: see `fleet host ls --help`",
    );
    check(
        "fleet rollout --version 1.2 --per site",
        "error: `site` is not LABEL=N, such as `site=1`\nhint: see `fleet rollout --help`",
    );
    check(
        "fleet rollout --version 1.2 --at-once 0",
        "error: `0` is not a number of instances: write a number from 1 or a share from 1% to 100%\nhint: see `fleet rollout --help`",
    );
    check(
        "fleet rollout --version 1.2 --window night",
        "error: `night` is not a window: write [DAYS ]HH:MM-HH:MM[ ZONE], such as `Mon-Fri 22:00-04:00 Europe/Berlin` or `22:00-04:00+01:00` (UTC without a zone)\nhint: see `fleet rollout --help`",
    );
    check(
        "fleet --timeout 3 status",
        "error: `3` is not a length of time: write `90s`, `5m`, `1h30m` or `500ms`\nhint: see `fleet status --help`",
    );
    check(
        "fleet instance set notes-1",
        "error: there is nothing to set\nhint: give --set KEY=VALUE, --unset KEY or --drift",
    );
    check(
        "fleet install a@1 --host h --name n --set port",
        "error: `port` is not a value\nhint: write --set KEY=VALUE",
    );
    check(
        "fleet --context ../x status",
        "error: `../x` is not the name of a context\nhint: use letters, digits, `-` and `_`, such as `--context berlin`",
    );
    check(
        "fleet help nothing",
        "error: there is no help about `nothing`\nhint: `fleet --help` lists the commands; the pages are backups, exit-codes, output, rollouts, selectors, tokens, values, windows",
    );
}

#[test]
fn a_coordinator_that_has_gone_is_named_with_exit_code_3() {
    let (mut fake, environment) = logged_in(Scene::default());
    fake.end();
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 3
    stderr:
    error: could not reach the coordinator at 127.0.0.1:PORT
      because Connection refused (os error 111)
    hint: check that the coordinator runs and that its port is open from here
    ");
}

#[test]
fn a_coordinator_that_does_not_answer_is_given_up() {
    let (_fake, environment) = logged_in(Scene { silence: true, ..Default::default() });
    assert_snapshot!(environment.run("fleet --timeout 200ms status").text(), @r"
    exit 3
    stderr:
    error: could not ask for the status
      because the coordinator at 127.0.0.1:PORT did not answer within 200ms
    hint: check that it runs and that its port is open from here, or allow more time with --timeout
    ");
}

#[test]
fn a_refusal_is_told_with_its_reason_and_its_hint() {
    let refusal = Some((
        Attempt::Install,
        CallRefusal::Missing { subject: NamedKind::Host, name: "lab-1".to_owned() },
        Some(Hint::AddHost),
    ));
    let (_fake, environment) = logged_in(Scene { refusal, ..Default::default() });
    assert_snapshot!(environment.run("fleet install a@1 --host lab-1 --name n").text(), @r"
    exit 1
    stderr:
    error: could not install a@1 on lab-1
      because there is no host `lab-1`
    hint: see them with `fleet host ls`, or add it: `fleet host add NAME`
    ");
}

#[test]
fn what_failed_is_said_once() {
    let problems = vec!["the value `port` is required".to_owned()];
    let refusal = Some((Attempt::Install, CallRefusal::ValuesInvalid { more: 0, problems }, None));
    let (_fake, environment) = logged_in(Scene { refusal, ..Default::default() });
    assert_snapshot!(environment.run("fleet install a@1 --host lab-1 --name n").text(), @r"
    exit 1
    stderr:
    error: could not install a@1 on lab-1
      because the value `port` is required
    ");
}

#[test]
fn a_long_refusal_stays_on_its_line() {
    let refusal = Some((Attempt::Call, CallRefusal::Unreadable { problem: "two\nlines\u{1b}[2J".to_owned() }, None));
    let (_fake, environment) = logged_in(Scene { refusal, ..Default::default() });
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 1
    stderr:
    error: could not list hosts
      because two; lines\u001b[2J
    ");
}

#[test]
fn whoever_is_revoked_is_told_so() {
    let revoked = CallRefusal::CertificateRevoked { subject: "operator:ada".parse().expect("a subject") };
    let refusal = Some((Attempt::Call, revoked, Some(LinkHint::JoinAgain.into())));
    let (_fake, environment) = logged_in(Scene { refusal, ..Default::default() });
    assert_snapshot!(environment.run("fleet host ls").text(), @r"
    exit 1
    stderr:
    error: could not list hosts
      because the certificate of operator ada was revoked
    hint: ask an administrator for a new token and join again
    ");
}
