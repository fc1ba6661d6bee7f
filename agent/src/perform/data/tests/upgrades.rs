//! Upgrades whose new release migrates the data when it starts: the end is the new release with migrated data, or the earlier one with
//! its own, wherever the agent is killed and whenever the power goes.

use super::actions::restore;
use super::crashes::{At, crash_with};
use super::harness::{Agent, Harness, State};
use super::lab::{Fault, Loss};
use crate::fake::Behaviour;
use crate::runtime::Disk;
use fleet_core::app::DataEffect;
use fleet_core::backup::{DataAction, DataResult};
use fleet_core::hint::Hint;
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::Restart;

/// The instance with data, and a new release that never becomes healthy, if it is `sick`.
async fn harness(is_sick: bool) -> (Harness, Agent, State) {
    let (harness, agent) = Harness::new("").await;
    if is_sick {
        harness.lab.fake.world().behaviours.insert("notes-web:2".to_owned(), Behaviour::Ends(1));
    }
    let before = harness.state();
    (harness, agent, before)
}

/// A graph whose upgrades keep the number of rows.
pub const KEEPS_ROWS: &str = "
upgrades:
  edges: [{ from: '<3', to: '>1', compare: { rows: { public.notes: equal } } }]
";

/// The instance with data, and releases that keep the number of rows, and may not.
pub async fn comparing(loss: Option<Loss>) -> (Harness, Agent, State) {
    let (harness, agent) = Harness::with_graph(KEEPS_ROWS).await;
    *harness.lab.loss.lock().expect("not poisoned") = loss;
    let before = harness.state();
    (harness, agent, before)
}

/// Data as a release makes it of what the releases before have made.
fn made_by(release: u8, before: &State) -> State {
    let mut after = before.clone();
    after.rows = after.rows.replace("row ", if release == 2 { "migrated " } else { "finished " });
    after.uploads.insert("schema".to_owned(), release.to_string().into());
    after
}

/// Asserts that the instance runs one release with its data, with its restart policies, and nothing beside it.
#[track_caller]
pub fn check_whole(harness: &Harness, end: &End, before: &State, about: &str) {
    check_whole_of(2, harness, end, before, about);
}

#[track_caller]
pub fn check_whole_of(newest: u8, harness: &Harness, end: &End, before: &State, about: &str) {
    let (web, state) = match &end.outcome {
        Outcome::Done => (format!("notes-web:{newest}"), made_by(newest, before)),
        Outcome::RolledBack { .. } => ("notes-web:1".to_owned(), before.clone()),
        other => panic!("{about}: {other:?}"),
    };
    harness.check_calm(about);
    assert_eq!(harness.state(), state, "{about}");
    let world = harness.lab.fake.world();
    let of = |service: &str| world.containers.iter().find(|it| it.service == service).expect("it is there");
    assert_eq!(of("web").image, web, "{about}");
    assert_eq!((of("web").restart, of("db").restart), (Restart::Always, Restart::UnlessStopped), "{about}");
}

#[tokio::test]
async fn a_good_upgrade_keeps_a_backup_of_before_and_nothing_else() {
    let (harness, agent, before) = harness(false).await;
    let order = harness.order(harness.upgrade(DataEffect::AtStart, &["near"]), "");
    let end = harness.carry_out_order(&agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done);
    check_whole(&harness, &end, &before, "good");
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected a backup: {:?}", end.made) };
    assert_eq!(copies.len(), 1);
    let sets = harness.sets("near").await;
    let kept = sets.iter().find(|set| set.backup.as_str() == order.order.id.as_str()).expect("it is there");
    assert_eq!(harness.restored("near", kept).await, Ok(before));
    assert_eq!(harness.lab.plan().had_copies, [true]);
}

#[tokio::test]
async fn a_release_that_never_becomes_healthy_leaves_the_data_as_it_was() {
    let (harness, agent, before) = harness(true).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    check_whole(&harness, &end, &before, "sick");
    assert_eq!(harness.lab.plan().had_copies, [true]);
}

#[tokio::test]
async fn a_release_that_leaves_data_alone_is_upgraded_without_copies() {
    let (harness, agent, before) = harness(false).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::None, &[])).await;
    check_whole(&harness, &end, &before, "without");
    assert_eq!(harness.lab.plan().had_copies, [false]);
}

/// One upgrade, interrupted at each of its points.
struct Walk {
    /// Number of the release that it leads to.
    newest: u8,
    /// Image of a release that never becomes healthy.
    sick: Option<&'static str>,
    point: fn(u64) -> At,
    cuts_power: bool,
    /// The first point, and the distance to the next.
    each: (u64, usize),
    /// The upgrade has more points than this.
    least: u64,
    compares: Compares,
}

/// Comparison of numbers in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compares {
    Nothing,
    /// The number of rows, which each migration keeps, or not.
    Rows(Option<Loss>),
}

impl Walk {
    async fn run(&self, action: impl Fn(&Harness) -> Action) {
        let Self { sick, point, cuts_power, each: (first, distance), .. } = *self;
        for number in (first..).step_by(distance) {
            let (harness, agent, before) = match self.compares {
                Compares::Nothing => harness(false).await,
                Compares::Rows(loss) => comparing(loss).await,
            };
            if let Some(image) = sick {
                harness.lab.fake.world().behaviours.insert(image.to_owned(), Behaviour::Ends(1));
            }
            let about = format!("{:?}, sick: {sick:?}, power: {cuts_power}, {:?}", point(number), self.compares);
            let order = harness.order(action(&harness), "");
            let meanwhile = || {
                if cuts_power {
                    harness.lab.cut_power();
                }
            };
            let crashed = crash_with(&harness, agent, &order, point(number), meanwhile).await;
            let Some((_agent, end)) = crashed else {
                assert!(number > self.least, "there are more points than {number}");
                return;
            };
            let is_good = sick.is_none() && !matches!(self.compares, Compares::Rows(Some(_)));
            assert_eq!(matches!(end.outcome, Outcome::Done), is_good, "{about}: {end:?}");
            check_whole_of(self.newest, &harness, &end, &before, &about);
        }
    }
}

/// Runs through all points of an upgrade; the power is cut there if asked for.
async fn walk(is_sick: bool, point: fn(u64) -> At, cuts_power: bool, least: u64) {
    walk_comparing(is_sick, point, cuts_power, least, Compares::Nothing).await;
}

/// The same with a comparison.
async fn walk_comparing(is_sick: bool, point: fn(u64) -> At, cuts_power: bool, least: u64, compares: Compares) {
    let sick = is_sick.then_some("notes-web:2");
    let walk = Walk { newest: 2, sick, point, cuts_power, each: (1, 1), least, compares };
    walk.run(|harness| harness.upgrade(DataEffect::AtStart, &["near"])).await;
}

/// Runs through the points of an upgrade over a release on the way.
async fn walk_through(
    sick: Option<&'static str>,
    point: fn(u64) -> At,
    cuts_power: bool,
    each: (u64, usize),
    least: u64,
) {
    // With calls as points, comparing would add many.
    let compares = if cuts_power { Compares::Nothing } else { Compares::Rows(None) };
    let walk = Walk { newest: 3, sick, point, cuts_power, each, least, compares };
    walk.run(|harness| harness.upgrade_through(DataEffect::AtStart, &["near"])).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_good_upgrade_over_a_release_it_is_carried_out() {
    walk_through(None, At::Write, false, (1, 1), 12).await;
}

#[tokio::test]
async fn killed_at_any_write_when_the_release_on_the_way_is_bad_the_data_is_as_before() {
    walk_through(Some("notes-web:2"), At::Write, false, (1, 1), 12).await;
}

// A third of the points in each: all in one would take minutes.
#[tokio::test]
async fn without_power_when_the_release_after_it_is_bad_the_data_is_as_before_first_third() {
    walk_through(Some("notes-web:3"), At::Call, true, (1, 3), 50).await;
}

#[tokio::test]
async fn without_power_when_the_release_after_it_is_bad_the_data_is_as_before_second_third() {
    walk_through(Some("notes-web:3"), At::Call, true, (2, 3), 50).await;
}

#[tokio::test]
async fn without_power_when_the_release_after_it_is_bad_the_data_is_as_before_last_third() {
    walk_through(Some("notes-web:3"), At::Call, true, (3, 3), 50).await;
}

#[tokio::test]
async fn the_release_on_the_way_is_named_when_it_fails() {
    let (harness, agent, before) = harness(true).await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    let Outcome::RolledBack { failure: OrderFailure::OnTheWay { version, .. } } = &end.outcome else {
        panic!("{end:?}");
    };
    assert_eq!(version.as_str(), "2");
    check_whole_of(3, &harness, &end, &before, "named");
}

#[tokio::test]
async fn releases_that_leave_data_alone_are_passed_without_copies() {
    let (harness, agent, before) = harness(false).await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::None, &[])).await;
    check_whole_of(3, &harness, &end, &before, "without");
    assert_eq!(harness.lab.plan().had_copies, [false, false]);
}

#[tokio::test]
async fn a_stopped_instance_passes_no_release() {
    let (harness, agent, before) = harness(false).await;
    harness.carry_out(&agent, Action::Power { request: PowerRequest::Stop, serial: 1 }).await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    let refused =
        Outcome::Refused { failure: OrderFailure::StoppedOnTheWay { through: "2".parse().expect("a version") } };
    assert_eq!(end.outcome, refused);
    assert_eq!(harness.state(), before);
}

#[tokio::test]
async fn killed_at_any_call_of_a_good_upgrade_it_is_carried_out() {
    walk(false, At::Call, false, 30).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_good_upgrade_it_is_carried_out() {
    walk(false, At::Write, false, 10).await;
}

#[tokio::test]
async fn killed_at_any_call_of_a_bad_upgrade_the_data_is_as_before() {
    walk(true, At::Call, false, 40).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_bad_upgrade_the_data_is_as_before() {
    walk(true, At::Write, false, 10).await;
}

#[tokio::test]
async fn without_power_at_any_call_of_a_bad_upgrade_the_data_is_as_before() {
    walk(true, At::Call, true, 40).await;
}

#[tokio::test]
async fn without_power_at_any_call_of_a_good_upgrade_it_is_carried_out() {
    walk_comparing(false, At::Call, true, 30, Compares::Rows(None)).await;
}

#[tokio::test]
async fn killed_at_any_write_of_an_upgrade_that_loses_rows_the_data_is_as_before() {
    walk_comparing(false, At::Write, false, 10, Compares::Rows(Some(Loss::Row))).await;
}

#[tokio::test]
async fn what_something_else_starts_again_is_not_copied() {
    let (harness, agent, before) = harness(false).await;
    harness.lab.plan().fault = Some(Fault::StartedAgain);
    let order = harness.order(harness.upgrade(DataEffect::AtStart, &[]), "");
    let end = harness.carry_out_order(&agent, &order).await;
    let failure = end.outcome.failure();
    assert!(
        matches!(failure, Some(OrderFailure::NotQuiet { containers }) if containers == &["oasis-1-db-1"]),
        "{end:?}"
    );
    harness.lab.plan().fault = None;
    assert!(harness.lab.plan().had_copies.is_empty(), "the new release was not started");
    check_whole(&harness, &end, &before, "started again");
}

#[tokio::test]
async fn without_room_for_copies_and_without_a_backup_nothing_begins() {
    let (harness, agent, before) = harness(false).await;
    *harness.lab.free.lock().expect("not poisoned") = 1 << 20;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    assert!(matches!(&end.outcome, Outcome::Refused { failure: OrderFailure::RestorePointNoRoom { .. } }), "{end:?}");
    assert_eq!((harness.state(), harness.running()), (before, vec!["db".to_owned(), "web".to_owned()]));
    harness.check_calm("refused");
}

/// The instance, and a disk of its own for its files on which there is no room for a copy.
async fn crowded(is_sick: bool) -> (Harness, Agent, State) {
    let (harness, agent, before) = harness(is_sick).await;
    let disk = Disk { id: 9, free: 1 << 20 };
    harness.lab.disks.lock().expect("not poisoned").push((harness.lab.volume("oasis-1_uploads"), disk));
    (harness, agent, before)
}

#[tokio::test]
async fn a_store_that_cannot_be_copied_has_the_backup_and_the_others_their_copies() {
    let (harness, agent, before) = crowded(false).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &["near"])).await;
    check_whole(&harness, &end, &before, "crowded");
    assert_eq!(end.outcome, Outcome::Done);
    let (harness, agent, _) = crowded(true).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &["near"])).await;
    let failure = end.outcome.failure();
    assert!(matches!(failure, Some(OrderFailure::DataTouched { stores, .. }) if stores == &["uploads"]), "{end:?}");
    check_nothing_starts(&harness, &agent).await;
}

/// Asserts that no order starts the app over data that a failed upgrade may have changed.
async fn check_nothing_starts(harness: &Harness, agent: &Agent) {
    let again = harness.order(harness.upgrade(DataEffect::AtStart, &["near"]), "again");
    let start = harness.order(Action::Power { request: PowerRequest::Start, serial: 7 }, "again");
    for order in [again, start] {
        let end = harness.carry_out_order(agent, &order).await;
        assert!(matches!(&end.outcome, Outcome::Refused { .. }), "{end:?}");
        assert!(!harness.running().contains(&"web".to_owned()));
    }
}

#[tokio::test]
async fn a_restore_that_fails_or_is_partial_starts_nothing_over_changed_data() {
    let (harness, agent, before) = crowded(true).await;
    let order = harness.order(harness.upgrade(DataEffect::AtStart, &["near"]), "");
    let end = harness.carry_out_order(&agent, &order).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::DataTouched { .. })), "{end:?}");
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    let Action::Data(DataAction::Restore { from, safety, others, privileges, .. }) = restore("near", &id, &[]) else {
        panic!("it is a restore")
    };
    let only = ["rows".parse().expect("a name")].into();
    let partial =
        Action::Data(DataAction::Restore { from, only, safety, goal: None, replaces: None, others, privileges });
    let end = harness.carry_out(&agent, partial).await;
    assert!(!end.outcome.is_success(), "{end:?}");
    // In the middle of it, with the folders moved aside.
    harness.lab.disks.lock().expect("not poisoned").clear();
    harness.lab.plan().fault = Some(Fault::LoadFails);
    let end = harness.carry_out_order(&agent, &harness.order(restore("near", &id, &[]), "fails")).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    harness.lab.plan().fault = None;
    check_nothing_starts(&harness, &agent).await;
    let end = harness.carry_out_order(&agent, &harness.order(restore("near", &id, &[]), "whole")).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
    harness.check_calm("restored");
}

#[tokio::test]
async fn a_backup_during_which_something_starts_is_no_restore_point() {
    let (harness, agent, before) = crowded(false).await;
    harness.lab.plan().fault = Some(Fault::AppStartsInDump);
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &["near"])).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::NotQuiet { .. })), "{end:?}");
    harness.lab.plan().fault = None;
    check_whole(&harness, &end, &before, "started in the dump");
}

#[tokio::test]
async fn a_database_in_an_unnamed_volume_of_its_image_is_not_copied() {
    let (harness, agent, _) = harness(false).await;
    harness.lab.fake.world().unnamed.insert("db".to_owned(), "/data/rows".to_owned());
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    assert!(
        matches!(&end.outcome, Outcome::Refused { failure: OrderFailure::NoRestorePoint { store } } if store == "rows"),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_copy_that_somebody_removed_is_not_taken_for_one_that_is_in_its_place() {
    let (harness, agent, _) = harness(true).await;
    harness.lab.plan().removes_copies = true;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let Outcome::Stuck { failure, .. } = &end.outcome else { panic!("expected a stuck one: {end:?}") };
    assert!(matches!(failure, OrderFailure::SomethingLeft { .. }), "{failure:?}");
    assert_eq!(harness.running(), [""; 0], "nothing runs over data that was changed");
    check_nothing_starts(&harness, &agent).await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_put_back_is_named_where_the_rest_waits_for_a_restore() {
    let (harness, agent, _) = crowded(true).await;
    harness.lab.plan().removes_copies = true;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &["near"])).await;
    let Some(OrderFailure::DataTouched { stores, because }) = end.outcome.failure() else { panic!("{end:?}") };
    assert_eq!(stores, &["uploads"]);
    assert!(matches!(&**because, OrderFailure::SomethingLeft { .. }), "{because:?}");
    check_nothing_starts(&harness, &agent).await;
}

#[tokio::test]
async fn without_room_for_copies_the_backup_of_a_bad_upgrade_brings_the_data_back() {
    let (harness, agent, before) = harness(true).await;
    *harness.lab.free.lock().expect("not poisoned") = 1 << 20;
    let order = harness.order(harness.upgrade(DataEffect::AtStart, &["near"]), "");
    let end = harness.carry_out_order(&agent, &order).await;
    let Outcome::Stuck { failure, hint } = &end.outcome else { panic!("expected a stuck one: {end:?}") };
    assert!(
        matches!(failure, OrderFailure::DataTouched { stores, .. } if stores == &["rows", "uploads"]),
        "{failure:?}"
    );
    assert!(matches!(hint, Some(Hint::RestoreInstance(_))), "{hint:?}");
    assert!(matches!(end.made.as_deref(), Some(DataResult::Backup(copies)) if copies.len() == 1), "{:?}", end.made);
    assert_eq!(harness.running(), ["db"], "the app does not run over data that may have changed");
    // As the hint says.
    *harness.lab.free.lock().expect("not poisoned") = 1 << 40;
    let id = order.order.id.as_str().parse().expect("an id");
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
    harness.check_calm("restored");
}
