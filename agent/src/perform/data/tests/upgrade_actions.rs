//! Upgrades with actions: each command runs once over the data of its turn, and what fails brings the data of before back.

use super::actions::backup;
use super::crashes::{At, crash_with};
use super::harness::{Agent, Harness, State};
use super::lab::Fault;
use super::lab_actions::LabAction;
use crate::fake::Behaviour;
use fleet_core::app::DataEffect;
use fleet_core::order::{Action, End, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::steps::ContainerState;

/// A graph whose first hop has an action with each release, and whose second one has one more.
const ACTIONS: &str = "
upgrades:
  edges:
    - from: '<2'
      to: '==2'
      before: [ { run: { service: db, command: [add, first] } } ]
      migrate: [ { run: { service: web, command: [add, second] } } ]
    - { from: '==2', to: '>2', migrate: [ { run: { service: web, command: [add, third] } } ] }
";

async fn harness() -> (Harness, Agent, State) {
    let (harness, agent) = Harness::with_graph(ACTIONS).await;
    let before = harness.state();
    (harness, agent, before)
}

/// The data after both hops: what a release finds, it migrates, and what the actions of the next hop add, that one does.
fn migrated(before: &State) -> State {
    let mut after = before.clone();
    let rows = before.rows.replace("row ", "finished ");
    // The third row was added when the second release had run, and the third one migrates only what that made.
    after.rows = format!("{rows}finished first\nfinished second\nrow third\n");
    after.uploads.insert("schema".to_owned(), "3".into());
    after
}

#[track_caller]
fn check(harness: &Harness, end: &End, before: &State, about: &str) {
    let state = match &end.outcome {
        Outcome::Done => migrated(before),
        Outcome::RolledBack { .. } => before.clone(),
        other => panic!("{about}: {other:?}"),
    };
    harness.check_calm(about);
    assert_eq!(harness.state(), state, "{about}");
    assert!(harness.lab.actions().is_empty(), "{about}: containers of actions are left");
}

/// Runs through the points of an upgrade, and returns at how many of them it was not known whether a command had run.
async fn walk(point: fn(u64) -> At, each: (u64, usize), cuts_power: bool, sick: Option<&str>) -> usize {
    let mut unknown = 0;
    for number in (each.0..).step_by(each.1) {
        let (harness, agent, before) = harness().await;
        if let Some(image) = sick {
            harness.lab.fake.world().behaviours.insert(image.to_owned(), Behaviour::Ends(1));
        }
        let about = format!("{:?}, sick: {sick:?}, power: {cuts_power}", point(number));
        let order = harness.order(harness.upgrade_through(DataEffect::AtStart, &["near"]), "");
        let meanwhile = || {
            if cuts_power {
                harness.lab.cut_power();
            }
        };
        let Some((_agent, end)) = crash_with(&harness, agent, &order, point(number), meanwhile).await else {
            assert!(number > 15, "there are more points than {number}");
            return unknown;
        };
        let is_unknown = end.outcome.failure().is_some_and(is_about_an_unknown_end);
        unknown += usize::from(is_unknown);
        assert_eq!(matches!(end.outcome, Outcome::Done), sick.is_none() && !is_unknown, "{about}: {end:?}");
        check(&harness, &end, &before, &about);
    }
    unknown
}

fn is_about_an_unknown_end(failure: &OrderFailure) -> bool {
    match failure {
        OrderFailure::OnTheWay { failure, .. } => is_about_an_unknown_end(failure),
        OrderFailure::ActionGone { .. } => true,
        _ => false,
    }
}

#[tokio::test]
async fn the_actions_of_each_hop_run_once_over_the_data_of_its_turn() {
    let (harness, agent, before) = harness().await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &["near"])).await;
    assert_eq!(end.outcome, Outcome::Done);
    check(&harness, &end, &before, "good");
    assert_eq!(harness.lab.plan().acted, ["first", "second", "third"]);
    assert_eq!(harness.lab.plan().had_copies, [true, true]);
}

#[tokio::test]
async fn killed_at_any_write_of_an_upgrade_with_actions_it_is_carried_out() {
    assert_eq!(walk(At::Write, (1, 1), false, None).await, 0);
}

// A third of the points in each: all in one would take minutes. Each of the three commands has one point between the note that it is
// started and its start.
#[tokio::test]
async fn killed_at_any_call_of_an_upgrade_with_actions_each_command_runs_once_first_third() {
    assert!(walk(At::Call, (1, 3), false, None).await <= 3);
}

#[tokio::test]
async fn killed_at_any_call_of_an_upgrade_with_actions_each_command_runs_once_second_third() {
    assert!(walk(At::Call, (2, 3), false, None).await <= 3);
}

#[tokio::test]
async fn killed_at_any_call_of_an_upgrade_with_actions_each_command_runs_once_last_third() {
    assert!(walk(At::Call, (3, 3), false, None).await <= 3);
}

#[tokio::test]
async fn without_power_a_command_whose_end_is_not_known_counts_as_failed_first_third() {
    assert!((1..10).contains(&walk(At::Call, (1, 3), true, None).await));
}

#[tokio::test]
async fn without_power_a_command_whose_end_is_not_known_counts_as_failed_second_third() {
    assert!((1..10).contains(&walk(At::Call, (2, 3), true, None).await));
}

#[tokio::test]
async fn without_power_a_command_whose_end_is_not_known_counts_as_failed_last_third() {
    assert!((1..10).contains(&walk(At::Call, (3, 3), true, None).await));
}

#[tokio::test]
async fn without_power_a_bad_release_after_its_actions_goes_back_with_the_data() {
    walk(At::Call, (1, 3), true, Some("notes-web:3")).await;
}

#[tokio::test]
async fn a_command_waits_until_the_database_answers() {
    let (harness, agent, before) = harness().await;
    harness.lab.plan().beginning = 3;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    assert_eq!(end.outcome, Outcome::Done);
    check(&harness, &end, &before, "late");
}

#[tokio::test]
async fn a_container_that_an_order_left_is_removed_before_anything_starts() {
    let (harness, agent, _) = harness().await;
    let left = || LabAction { project: "oasis-1".to_owned(), state: ContainerState::Running, word: "left".to_owned() };
    let restart = Action::Power { request: PowerRequest::Restart, serial: 1 };
    for action in [restart, backup(&["near"]), harness.upgrade(DataEffect::AtStart, &[])] {
        harness.lab.actions().insert("oasis-1-upgrade-left".to_owned(), left());
        let about = format!("{action:?}");
        let end = harness.carry_out(&agent, action).await;
        assert_eq!(end.outcome, Outcome::Done, "{about}");
        assert!(harness.lab.actions().is_empty(), "{about}");
    }
}

#[tokio::test]
async fn a_command_that_fails_is_named_and_the_data_is_as_before() {
    let (harness, agent, before) = harness().await;
    harness.lab.plan().fault = Some(Fault::ActionFails);
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    let Outcome::RolledBack { failure: OrderFailure::OnTheWay { version, failure } } = &end.outcome else {
        panic!("{end:?}");
    };
    let failed = OrderFailure::ActionFailed {
        service: "db".to_owned(),
        command: "add first".to_owned(),
        code: 1,
        output: "no such column".to_owned(),
    };
    assert_eq!((version.as_str(), &**failure), ("2", &failed));
    check(&harness, &end, &before, "failed");
    assert!(harness.lab.plan().had_copies.is_empty(), "no release was started");
}

#[tokio::test]
async fn a_command_whose_container_somebody_removes_counts_as_failed() {
    let (harness, agent, before) = harness().await;
    harness.lab.plan().fault = Some(Fault::ActionRemoved);
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let failure = OrderFailure::ActionGone { service: "db".to_owned(), command: "add first".to_owned() };
    assert_eq!(end.outcome, Outcome::RolledBack { failure });
    check(&harness, &end, &before, "removed");
}

#[tokio::test]
async fn an_app_that_runs_beside_a_command_fails_the_upgrade() {
    let (harness, agent, before) = harness().await;
    harness.lab.plan().fault = Some(Fault::AppStartsInAction);
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::NotQuiet { .. })), "{end:?}");
    check(&harness, &end, &before, "beside");
}

#[tokio::test]
async fn actions_are_refused_before_anything_stops() {
    let refused = |end: &End| match &end.outcome {
        Outcome::Refused { failure } => failure.clone(),
        other => panic!("{other:?}"),
    };
    // A service that the release does not have.
    let (harness, agent) = Harness::with_graph(&ACTIONS.replace("service: db", "service: worker")).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let missing = OrderFailure::NotInRelease { kind: "service".to_owned(), name: "worker".to_owned() };
    assert_eq!(refused(&end), missing);
    assert_eq!(harness.running(), ["db", "web"]);
    // A policy that denies it.
    let (harness, agent, before) = self::harness().await;
    let policy = format!("repositories: ['{}']\nexec: denied\n", harness.path.display());
    std::fs::write(harness.path.join("policy.yaml"), policy).expect("written");
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let OrderFailure::PolicyForbids { refusals } = refused(&end) else { panic!("{end:?}") };
    assert_eq!(refusals, [PolicyRefusal::ActionExec { service: "db".to_owned() }]);
    // A stopped instance: its release may not have run over its data.
    let (stopped, agent, _) = self::harness().await;
    stopped.carry_out(&agent, Action::Power { request: PowerRequest::Stop, serial: 1 }).await;
    let end = stopped.carry_out(&agent, stopped.upgrade(DataEffect::AtStart, &[])).await;
    assert!(matches!(refused(&end), OrderFailure::StoppedOnTheWay { .. }), "{end:?}");
    assert_eq!((harness.state(), stopped.state()), (before.clone(), before));
}
