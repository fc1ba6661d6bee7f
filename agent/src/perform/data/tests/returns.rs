//! Returns to the release of a backup: the end is that release with its data, or the newer one with what it has made of it.

use super::actions::{names, source};
use super::crashes::{At, crash_with};
use super::harness::{Agent, Harness, State};
use super::lab::Fault;
use fleet_core::app::DataEffect;
use fleet_core::backup::{DataAction, DataResult, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_core::spec::Restart;
use std::collections::BTreeSet;

/// An instance that was upgraded, and has something that came afterwards.
struct Upgraded {
    harness: Harness,
    agent: Agent,
    /// Backup of before the upgrade.
    id: BackupId,
    before: State,
    after: State,
}

async fn upgraded() -> Upgraded {
    let (harness, agent) = Harness::new("").await;
    let before = harness.state();
    let order = harness.order(harness.upgrade(DataEffect::AtStart, &["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    let mut after = harness.state();
    assert_ne!(after, before, "the newer release has migrated it");
    after.rows.push_str("migrated 77\n");
    harness.set(&after);
    Upgraded { harness, agent, id: order.order.id.as_str().parse().expect("an id"), before, after }
}

/// Returns from a release to the first one.
fn back_from(harness: &Harness, release: Release, id: &BackupId) -> Action {
    Action::Data(DataAction::Restore {
        from: source("near", id),
        only: BTreeSet::new(),
        safety: names(&["near"]),
        goal: Some(Goal { revision: 2, ..harness.goal(1) }),
        replaces: Some(release),
        others: Others::Kept,
        privileges: Default::default(),
    })
}

#[track_caller]
fn check_end(of: &Upgraded, end: &End, about: &str) {
    let (web, state) = match &end.outcome {
        Outcome::Done => ("notes-web:1", &of.before),
        Outcome::RolledBack { .. } => ("notes-web:2", &of.after),
        other => panic!("{about}: {other:?}"),
    };
    of.harness.check_calm(about);
    assert_eq!(of.harness.state(), *state, "{about}");
    let world = of.harness.lab.fake.world();
    let container = |service: &str| world.containers.iter().find(|it| it.service == service).expect("it is there");
    assert_eq!(container("web").image, web, "{about}");
    assert_eq!(
        (container("web").restart, container("db").restart),
        (Restart::Always, Restart::UnlessStopped),
        "{about}"
    );
}

#[tokio::test]
async fn an_upgraded_instance_is_as_before_and_what_came_since_is_in_a_safety_backup() {
    let of = upgraded().await;
    let order = of.harness.order(back_from(&of.harness, of.harness.second(), &of.id), "");
    let end = of.harness.carry_out_order(&of.agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done);
    check_end(&of, &end, "back");
    let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore: {:?}", end.made) };
    assert!(made.safety.len() == 1 && made.safety[0].result.is_ok(), "{made:?}");
    let ledger = of.agent.context.ledger();
    let settled = ledger.settled(&super::harness::instance()).expect("it is there");
    assert_eq!((settled.release.clone(), settled.revision), (of.harness.goal(1).release, 2));
}

#[tokio::test]
async fn a_stopped_instance_returns_and_stays_stopped() {
    let of = upgraded().await;
    of.harness.carry_out(&of.agent, Action::Power { request: PowerRequest::Stop, serial: 1 }).await;
    let mut back = back_from(&of.harness, of.harness.second(), &of.id);
    if let Action::Data(DataAction::Restore { others, safety, .. }) = &mut back {
        // Its server can neither be asked nor backed up.
        (*others, *safety) = (Others::Dropped, names(&[]));
    }
    let end = of.harness.carry_out(&of.agent, back).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!((of.harness.state(), of.harness.running()), (of.before, Vec::new()));
}

#[tokio::test]
async fn another_release_than_the_one_that_was_agreed_on_is_left_alone() {
    let of = upgraded().await;
    let end = of.harness.carry_out(&of.agent, back_from(&of.harness, of.harness.goal(1).release, &of.id)).await;
    let failure = end.outcome.failure();
    assert!(matches!(failure, Some(OrderFailure::UnexpectedState { .. })), "{end:?}");
    assert_eq!(of.harness.state(), of.after);
    of.harness.check_calm("refused");
}

#[tokio::test]
async fn a_return_that_fails_in_the_middle_leaves_the_newer_release_with_its_data() {
    let of = upgraded().await;
    of.harness.lab.plan().fault = Some(Fault::LoadFails);
    let end = of.harness.carry_out(&of.agent, back_from(&of.harness, of.harness.second(), &of.id)).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    check_end(&of, &end, "it cannot be loaded");
}

/// A power request, which nothing that may be half restored obeys.
fn start() -> Action {
    Action::Power { request: PowerRequest::Start, serial: 9 }
}

#[tokio::test]
async fn a_return_whose_way_back_has_the_data_and_no_running_service_may_be_started() {
    let of = upgraded().await;
    of.harness.lab.plan().fault = Some(Fault::StaysStill);
    let end = of.harness.carry_out(&of.agent, back_from(&of.harness, of.harness.second(), &of.id)).await;
    assert!(matches!(end.outcome, Outcome::Stuck { .. }), "{end:?}");
    assert_eq!(of.harness.state(), of.after);
    of.harness.lab.plan().fault = None;
    assert_eq!(of.harness.carry_out(&of.agent, start()).await.outcome, Outcome::Done);
    of.harness.check_calm("started");
}

#[tokio::test]
async fn nothing_starts_over_what_could_not_be_put_back() {
    for call in 1.. {
        let of = upgraded().await;
        let order = of.harness.order(back_from(&of.harness, of.harness.second(), &of.id), "crash");
        let Upgraded { harness, agent, .. } = of;
        let volume = harness.lab.folder.join("oasis-1_data");
        let mut is_gone = false;
        let lose = || {
            // What waits beside the folder, if anything does.
            for entry in std::fs::read_dir(&volume).expect("it is there").flatten() {
                if entry.file_name().to_string_lossy().contains(".before-") {
                    std::fs::remove_dir_all(entry.path()).expect("removed");
                    is_gone = true;
                }
            }
        };
        let (agent, end) =
            crash_with(&harness, agent, &order, At::Call(call), lose).await.expect("something waits once");
        if !is_gone {
            continue;
        }
        assert!(matches!(end.outcome, Outcome::Stuck { .. }), "{end:?}");
        let end = harness.carry_out(&agent, start()).await;
        assert!(matches!(end.outcome, Outcome::Refused { .. }), "{end:?}");
        assert!(!harness.running().contains(&"web".to_owned()));
        return;
    }
}

/// Interrupts a return at each of its points; the power is cut there if asked for.
async fn walk(point: fn(u64) -> At, cuts_power: bool, each: (u64, usize), least: u64) {
    for number in (each.0..).step_by(each.1) {
        let of = upgraded().await;
        let order = of.harness.order(back_from(&of.harness, of.harness.second(), &of.id), "crash");
        let about = format!("{:?}, power: {cuts_power}", point(number));
        let Upgraded { harness, agent, id, before, after } = of;
        let meanwhile = || {
            if cuts_power {
                harness.lab.cut_power();
            }
        };
        let Some((agent, end)) = crash_with(&harness, agent, &order, point(number), meanwhile).await else {
            assert!(number > least, "there are more points than {number}");
            return;
        };
        check_end(&Upgraded { harness, agent, id, before, after }, &end, &about);
    }
}

#[tokio::test]
async fn killed_at_any_write_of_a_return_it_is_one_release_with_its_data() {
    walk(At::Write, false, (1, 1), 10).await;
}

#[tokio::test]
async fn without_power_in_a_return_it_is_one_release_with_its_data() {
    walk(At::Call, true, (1, 3), 40).await;
}
