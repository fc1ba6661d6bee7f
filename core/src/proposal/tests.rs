//! Refusals of requests, and the content of proposals.

use super::*;
use crate::app::{CommandRun, DataEffect, RequiredStop, UpgradeAction, UpgradeEdge};
use crate::host_policy::Permission;
use crate::plan::tests::given::{given, read, release};
use crate::reason::LeftOutReason;
use crate::units::Period;
use std::time::Duration;

/// `--canary 1 --on site=fr` and so on, as on the command line.
fn request(text: &str) -> RolloutRequest {
    let mut words = text.split_whitespace();
    let to = release(words.next().expect("a version"));
    let (mut selector, mut strategy) = (Selector::default(), StrategyRequest::default());
    let (mut upgrades, mut pushed) = (None::<Upgrades>, Vec::new());
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        match option {
            "--on" => selector = read(value),
            "--canary" => strategy.canary = Some(read(value)),
            "--at-once" => strategy.at_once = Some(read(value)),
            "--max-failures" => strategy.max_failures = Some(read(value)),
            "--stop" => {
                let stop = RequiredStop { version: read(value), why: "tags".to_owned() };
                upgrades.get_or_insert_default().stops.push(stop);
            }
            "--run" => {
                // A command of the only edge.
                let run = CommandRun {
                    service: "web".to_owned(),
                    command: vec!["migrate".to_owned()],
                    offline: false,
                    limit: Period::from_secs(read(value)),
                };
                let edges = &mut upgrades.as_mut().expect("an edge").edges;
                edges.iter_mut().for_each(|edge| edge.migrate.push(UpgradeAction { run: run.clone() }));
            }
            "--edge" => {
                let (from, to) = value.split_once(':').expect("FROM:TO");
                let (from, to, data) = (read(from), read(to), DataEffect::AtStart);
                let (before, migrate) = (Vec::new(), Vec::new());
                let edge = UpgradeEdge { from, to, data, compare: Default::default(), before, migrate };
                upgrades.get_or_insert_default().edges.push(edge);
            }
            "--pushed" => pushed.push(release(value)),
            "--deadline" => strategy.deadline = Some(Duration::from_secs(read(value))),
            "--window" => strategy.window = Some(read(value)),
            "--per" => {
                let (label, limit) = value.split_once('=').expect("LABEL=N");
                strategy.per.insert(label.to_owned(), read(limit));
            }
            other => panic!("`{other}` is no option"),
        }
    }
    RolloutRequest { to, upgrades, pushed, selector, strategy }
}

fn without(left_out: &LeftOut) -> String {
    format!("without {}: {:?}", left_out.instance, left_out.reason)
}

fn left_out(refusal: &RolloutRefusal) -> &[LeftOut] {
    match refusal {
        RolloutRefusal::NothingToMove { left_out, .. } | RolloutRefusal::NothingGoesBack { left_out, .. } => left_out,
        _other => &[],
    }
}

fn show(result: Result<Proposal, RolloutRefusal>) -> Vec<String> {
    let proposal = match result {
        Ok(proposal) => proposal,
        Err(refusal) => {
            let left_out = left_out(&refusal).iter().map(without);
            return [refusal.to_string()]
                .into_iter()
                .chain(left_out)
                .chain([format!("hint: {:?}", refusal.hint())])
                .collect();
        }
    };
    let names = |names: &[InstanceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let member = |m: &Member| {
        let ahead = m.through.iter().chain([&m.to]).map(|release| format!(" -> {}", release.name.version));
        format!("{} {}{}", m.instance, m.from.name.version, ahead.collect::<String>())
    };
    let mut lines: Vec<String> = proposal.members.iter().map(member).collect();
    lines.extend(proposal.left_out.iter().map(without));
    lines.extend(proposal.waves.iter().map(|wave| format!("wave {}", names(wave))));
    if !proposal.offline.is_empty() {
        lines.push(format!("offline {}", names(&proposal.offline)));
    }
    lines
}

#[track_caller]
fn check(facts: &str, text: &str, expect: &str) {
    let given = given(facts);
    let found = show(propose(&given.desired, &given.asked, &given.observed, &request(text), given.now));
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(found, expect, "\ngiven:\n{facts}");
}

#[track_caller]
fn check_undo(facts: &str, expect: &str) {
    let given = given(facts);
    let rollout = given.desired.rollouts.values().next().expect("a rollout");
    let found = show(propose_undo(rollout, &given.desired, &given.asked, &given.observed, given.now));
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(found, expect, "\ngiven:\n{facts}");
}

#[test]
fn one_goes_first_and_then_a_quarter_at_a_time() {
    check(
        "a 1.1\nb 1.1\nc 1.1\nd 1.1\ne 1.1 offline 900",
        "1.2",
        "a 1.1 -> 1.2\nb 1.1 -> 1.2\nc 1.1 -> 1.2\nd 1.1 -> 1.2\ne 1.1 -> 1.2\nwave a\nwave b c\nwave d\noffline e",
    );
}

#[test]
fn the_time_of_actions_is_added_to_the_deadline_unless_one_is_given() {
    let deadline = |text: &str| {
        let given = given("a 1.1\nb 1.3");
        let proposal = propose(&given.desired, &given.asked, &given.observed, &request(text), given.now);
        proposal.map(|proposal| proposal.strategy.deadline.as_secs()).map_err(|refusal| refusal.to_string())
    };
    let edges = "1.4 --edge >=1,<1.3:==1.3 --edge ==1.3:==1.4 --pushed 1.3";
    assert_eq!(deadline(edges), Ok(600));
    assert_eq!(deadline(&format!("{edges} --run 100")), Ok(800), "the longest of two members");
    assert_eq!(deadline(&format!("{edges} --run 100 --run 30")), Ok(860));
    assert_eq!(deadline(&format!("{edges} --run 100 --deadline 700")), Ok(700));
    let window = format!("{edges} --window 02:00-02:40");
    assert_eq!(deadline(&window), Ok(600));
    let refused = deadline(&format!("{window} --run 400"));
    assert!(refused.is_err(), "the way back would end outside of the window: {refused:?}");
}

#[test]
fn a_host_whose_policy_denies_programs_in_containers_is_left_out_of_upgrades_with_actions() {
    let mut given = given("a 1.1\nb 1.1");
    let host = given.desired.instances.values().next().expect("one").host.clone();
    given.observed.hosts.get_mut(&host).expect("it is there").said.policy.exec = Permission::Denied;
    let text = "1.2 --edge >=1:>=1.2";
    let members = |text: &str| {
        let proposal = propose(&given.desired, &given.asked, &given.observed, &request(text), given.now);
        let proposal = proposal.expect("a proposal");
        let reasons = proposal.left_out.into_iter().map(|one| one.reason).collect::<Vec<_>>();
        (proposal.members.len(), reasons)
    };
    assert_eq!(members(text), (2, Vec::new()));
    assert_eq!(members(&format!("{text} --run 5")), (1, vec![LeftOutReason::ActionsForbidden { host: host.clone() }]));
}

#[test]
fn one_alone_is_its_own_wave() {
    check("a 1.1", "1.2", "a 1.1 -> 1.2\nwave a");
}

#[test]
fn an_instance_moves_through_each_release_on_its_way() {
    check("a 1.1\nb 1.3", "1.2", "a 1.1 -> 1.2\nwithout b: Newer { version: Version(\"1.3\") }\nwave a");
    check("a 1.9\nb 1.10", "1.10", "a 1.9 -> 1.10\nwithout b: AlreadyThere\nwave a");
    check(
        "a 1.1\nb 1.3\nc 1.2",
        "1.4 --stop 1.3 --pushed 1.3",
        "a 1.1 -> 1.3 -> 1.4\nb 1.3 -> 1.4\nc 1.2 -> 1.3 -> 1.4\nwave a\nwave b\nwave c",
    );
    check(
        "a 1.1 power stop\nb 1.3 power stop\nc 1.3",
        "1.4 --stop 1.3 --pushed 1.3",
        "c 1.3 -> 1.4\nwithout a: Stopped { through: Version(\"1.3\") }\nwithout b: NotRunYet { version: Version(\"1.3\") }\nwave c",
    );
    check("a 1.1 power stop", "1.2", "a 1.1 -> 1.2\nwave a");
    check(
        "a 1.1\nb 1.3",
        "1.4 --stop 1.3",
        "b 1.3 -> 1.4\nwithout a: StopMissing { version: Version(\"1.3\"), why: \"tags\" }\nwave b",
    );
    check(
        "a 1.1\nb 1.3\nc 0.9",
        "1.4 --edge ==1.3:==1.4 --edge ==1.1:==1.3 --pushed 1.3",
        "a 1.1 -> 1.3 -> 1.4\nb 1.3 -> 1.4\nwithout c: NoUpgrade { from: Version(\"0.9\"), to: Version(\"1.4\") }\nwave a\nwave b",
    );
    check(
        "a 1.1\nb 1.2",
        "1.4 --edge ==1.1:==1.4 --edge ==1.*:==1.4",
        "b 1.2 -> 1.4\nwithout a: TwoUpgrades { from: Version(\"1.1\"), to: Version(\"1.4\"), first: 0, second: 1 }\nwave b",
    );
}

#[test]
fn versions_without_an_order_move_as_they_are_told() {
    check("a main-7f", "nightly", "a main-7f -> nightly\nwave a");
    let expect = "no instance can be moved to app@1.2\nwithout a: NotOrdered { version: \"main-7f\" }\nhint: SeeUpgrades(ReleaseName { app: AppName(\"app\"), version: Version(\"1.2\") })";
    check("a main-7f", "1.2 --stop 1.1", expect);
}

#[test]
fn an_older_version_is_refused_and_the_rollout_to_undo_is_named() {
    let expect =
        "app@1.1 is older than what 2 instances run, and 0 have it already\nhint: UndoToGoBack(RolloutId(\"r1\"))";
    check("a 1.2\nb 1.2\nrollout 1.2 of a,b", "1.1", expect);
    let in_part =
        "app@1.1 is older than what 1 instances run, and 1 have it already\nhint: UndoToGoBack(RolloutId(\"r1\"))";
    check("a 1.2\nb 1.1\nrollout 1.2 of a", "1.1", in_part);
    check(
        "a 1.2",
        "1.2rc1",
        "app@1.2rc1 is older than what 1 instances run, and 0 have it already\nhint: SeeInstances",
    );
    // An undo moved it back to 1.1: undoing that would move it forward.
    let undone = "a 1.1\nrollout 1.1 of a from 1.0 created 1\nrollout 1.2 of a from 1.1 created 2\nrollout 1.1 of a from 1.2 created 3";
    check(
        undone,
        "1.0",
        "app@1.0 is older than what 1 instances run, and 0 have it already\nhint: UndoToGoBack(RolloutId(\"r1\"))",
    );
}

#[test]
fn who_is_left_out_is_said_with_the_reason() {
    check(
        "a 1.1\nb 1.2\nc 1.1 removing\nd 1.1 forbids\ne absent\nf silent\ng busy other",
        "1.2",
        "a 1.1 -> 1.2\ng 1.1 -> 1.2\nwithout b: AlreadyThere\nwithout c: BeingRemoved
         without d: Forbidden { host: HostName(\"d\"), app: AppName(\"app\") }\nwithout e: NotInstalled
         without f: NotReported\nwave a\nwave g",
    );
}

#[test]
fn who_is_not_selected_is_not_mentioned() {
    check("a 1.1 site=fr\nb 1.1 site=de", "1.2 --on site=de", "b 1.1 -> 1.2\nwave b");
    check("a 1.1", "1.2 --on site=de", "no host with an instance of app matches `site=de`\nhint: SeeHostLabels");
}

#[test]
fn an_app_that_nobody_has_is_refused() {
    check("", "1.2", "there is no instance of app\nhint: InstallFirst(Some(AppName(\"app\")))");
}

#[test]
fn a_version_that_all_have_is_refused() {
    check("a 1.2\nb 1.2", "1.2", "all 2 instances are at app@1.2 already\nhint: SeeInstances");
    check("a 1.2", "1.2", "all 1 instances are at app@1.2 already\nhint: SeeInstances");
    check(
        "a 1.2\nb absent",
        "1.2",
        "no instance can be moved to app@1.2\nwithout a: AlreadyThere\nwithout b: NotInstalled
         hint: SeeStatus",
    );
}

#[test]
fn a_canary_not_smaller_than_its_group_is_refused() {
    check("a 1.1\nb 1.1", "1.2 --canary 2", "a canary of 2 is not smaller than its group of 2\nhint: ShrinkCanary(2)");
    check("a 1.1", "1.2 --canary 1", "a canary of 1 is not smaller than its group of 1\nhint: LeaveOutCanary");
    check("a 1.1", "1.2 --canary 0", "a 1.1 -> 1.2\nwave a");
}

#[test]
fn a_window_shorter_than_an_instance_may_take_with_its_way_back_is_refused() {
    check(
        "a 1.1",
        "1.2 --window 22:00-22:05",
        "the window is open for 5 min, and one instance may take 20 min
         hint: WidenWindow",
    );
    check("a 1.1", "1.2 --window 22:00-22:15 --deadline 300", "a 1.1 -> 1.2\nwave a");
}

#[test]
fn a_limit_that_can_never_be_kept_is_refused() {
    let hint = "hint: LimitPerLabel";
    check("a 1.1 site=fr", "1.2 --per room=1", &format!("no host has a label `room`\n{hint}"));
    check("a 1.1 site=fr", "1.2 --per site=0", &format!("none at a time per `site` would never begin\n{hint}"));
    check(
        "a 1.1",
        "1.2 --max-failures 0",
        "a limit of 0 failures would halt before it begins
         hint: LimitFailures",
    );
    check("a 1.1", "1.2 --deadline 0", "a deadline of nothing would fail every instance\nhint: GiveDeadline");
}

#[test]
fn two_rollouts_of_one_app_at_once_are_refused() {
    for state in ["", "paused"] {
        check(
            &format!("a 1.1\nrollout 1.2 {state}"),
            "1.3",
            "rollout r1 of app is not over\nhint: ExplainOrAbort(RolloutId(\"r1\"))",
        );
    }
    check("a 1.1\nrollout 1.2 aborted", "1.3", "a 1.1 -> 1.3\nwave a");
    check(
        "a 1.1\nrollout 1.2 aborted\nasked a upgrade 900",
        "1.3",
        "rollout r1 has orders under way
         hint: PauseRollout(RolloutId(\"r1\"))",
    );
}

#[test]
fn a_rollout_that_waits_only_for_offline_hosts_does_not_forbid_the_next() {
    check(
        "a 1.1 offline 900\nb 1.2\nrollout 1.2\nended b upgrade done 900",
        "1.3",
        "a 1.1 -> 1.3\nb 1.2 -> 1.3\nwave b\noffline a",
    );
}

#[test]
fn an_undo_takes_back_what_was_moved() {
    check_undo(
        "a 1.2\nb 1.1\nc 1.1\nrollout 1.2 canary 1\nended a upgrade done 900\nended b upgrade rolled-back 910",
        "a 1.2 -> 1.1\nwave a",
    );
    check_undo(
        "a 1.2 sick\nb 1.3\nc 1.2\nrollout 1.2\nended a upgrade done 900\nended b upgrade done 910",
        "a 1.2 -> 1.1\nwithout b: Elsewhere { version: Version(\"1.3\") }\nwave a",
    );
}

#[test]
fn an_undo_of_nothing_or_in_the_middle_is_refused() {
    check_undo(
        "a 1.2\nrollout 1.2",
        "rollout r1 moved nothing that could go back\nhint: ShowRollout(RolloutId(\"r1\"))",
    );
    check_undo(
        "a 1.2\nb 1.1\nrollout 1.2\nended a upgrade done 900\nasked b upgrade 950",
        "rollout r1 has orders under way
         hint: PauseRollout(RolloutId(\"r1\"))",
    );
}
