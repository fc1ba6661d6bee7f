//! A plan, a question, a beginning.

use super::good;
use crate::fake::logged_in;
use insta::assert_snapshot;

/// Returns the output, with `PLAN` for the plan that the first test of this file shows.
fn without_plan(output: &str) -> String {
    let begin = output.find("labnotes -> 1.2 (").expect("the plan is shown");
    let last = "  notes-4  it is at that version already\n\n";
    let end = begin + output[begin..].find(last).expect("the plan is shown whole") + last.len();
    format!("{}PLAN\n{}", &output[..begin], &output[end..])
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
      1 goes first, alone
      then at most 1 at once (1)
      each wave is watched for 30s
      halts when 1 failed
      one instance may take 10m

    canary
      notes-1  lab-1  1.1 -> 1.2
          web: recreated, image labnotes-web:1.1 -> labnotes-web:1.2
          file docker-compose.yaml (changed)

    wave 1
      notes-2  lab-2  1.1 -> 1.2  as notes-1
      notes-3  lab-3  1.1 -> 1.2  offline: catches up when it is back  as notes-1

    left out
      notes-4  it is at that version already

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
    ProposeRolloutRequest { app: "", version: "1.2", selector: "", canary: None, at_once: "", soak_ms: None, max_failures: None, per: {}, window: "", deadline_ms: None, agreed: None }
    ProposeRolloutRequest { app: "", version: "1.2", selector: "", canary: None, at_once: "", soak_ms: None, max_failures: None, per: {}, window: "", deadline_ms: None, agreed: Some(AgreedPlan { plan_digest: "d1", request_id: "ID" }) }
    ShowRolloutRequest { id: "labnotes-3", way_back: false }
    "#);
}

#[test]
fn how_it_goes_is_asked_as_it_was_wished() {
    let (fake, environment) = logged_in(good());
    let line = "fleet rollout --version 1.2 --app labnotes --on site=fr --canary 2 --at-once 25% --soak 10m --max-failures 2 \
                --per site=1 --per rack=2 --window Mon-Fri~22:00-04:00+01:00 --deadline 1h --dry-run";
    environment.run(line).done();
    assert_snapshot!(fake.heard(), @r#"
    ProposeRolloutRequest { app: "labnotes", version: "1.2", selector: "site=fr", canary: Some(2), at_once: "25%", soak_ms: Some(600000), max_failures: Some(2), per: {"rack": 2, "site": 1}, window: "Mon,Tue,Wed,Thu,Fri 22:00-04:00+01:00", deadline_ms: Some(3600000), agreed: None }
    "#);
}

#[test]
fn a_dry_run_is_the_answer() {
    let (fake, environment) = logged_in(good());
    let output = environment.run("fleet rollout --version 1.2 --dry-run");
    assert!(output.stdout.starts_with("labnotes -> 1.2"));
    assert_eq!(fake.heard().lines().count(), 1, "it is proposed, not started");
    let json = environment.run("fleet rollout --version 1.2 --dry-run -o json").done();
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["waves"][0]["kind"], "canary");
    assert_eq!((&json["strategy"][0], &json["strategy_values"]["canary"]), (&"1 goes first, alone".into(), &1.into()));
    let change = &json["waves"][0]["changes"][0];
    assert_eq!(change["changes"][1], "file docker-compose.yaml (changed)");
    assert_eq!(change["changes_values"][1]["code"], "file changed");
    assert_eq!(change["changes_values"][1]["arguments"], serde_json::json!(["docker-compose.yaml"]));
}

#[test]
fn nobody_is_taken_to_agree() {
    let (fake, environment) = logged_in(good());
    let output = environment.run("fleet --quiet rollout --version 1.2");
    assert_snapshot!(without_plan(&output.text()), @r"
    exit 2
    stderr:
    PLAN
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
    assert_snapshot!(without_plan(&environment.run("fleet --quiet rollout --version 1.2").text()), @r"
    exit 1
    stderr:
    PLAN
    Roll labnotes 1.2 out to 3 instances? [y/N] error: did not roll out 1.2
      because you did not agree; nothing was changed
    ");
    assert_eq!(fake.heard().lines().count(), 1, "it was proposed and never started");
    let environment = environment.typing("y\n");
    assert_snapshot!(without_plan(&environment.run("fleet --quiet rollout --version 1.2").text()), @r"
    exit 0
    stdout:
    labnotes-3: done (2 done)

    stderr:
    PLAN
    Roll labnotes 1.2 out to 3 instances? [y/N]
    ");
}
