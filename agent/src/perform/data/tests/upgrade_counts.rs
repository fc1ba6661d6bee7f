//! Upgrades that have to keep numbers of items: what breaks a rule, or cannot be counted, goes back with the data.

use super::harness::Harness;
use super::lab::{Fault, Loss};
use super::upgrades::{KEEPS_ROWS, check_whole, check_whole_of, comparing};
use fleet_core::app::DataEffect;
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::{OrderFailure, StoreProblem};

#[tokio::test]
async fn an_upgrade_that_keeps_the_numbers_of_each_hop_is_committed() {
    let (harness, agent, before) = comparing(None).await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    assert_eq!(end.outcome, Outcome::Done);
    check_whole_of(3, &harness, &end, &before, "kept");
    assert_eq!(harness.lab.plan().had_copies, [true, true]);
}

#[tokio::test]
async fn a_name_of_no_table_keeps_nothing_and_is_a_failure() {
    let (harness, agent) = Harness::with_graph(&KEEPS_ROWS.replace("public.notes: equal", "notes: at_least")).await;
    let before = harness.state();
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let Some(OrderFailure::InStore { failure, .. }) = end.outcome.failure() else { panic!("{end:?}") };
    let is_it = matches!(&**failure, OrderFailure::StoreUnusable { problem: StoreProblem::NotAmongCounted { item } } if item == "notes");
    assert!(is_it, "{end:?}");
    check_whole(&harness, &end, &before, "misspelt");
}

#[tokio::test]
async fn a_healthy_release_that_lost_data_goes_back_and_names_the_numbers() {
    let changed = |after| OrderFailure::CountNotEqual {
        store: "rows".to_owned(),
        item: "public.notes".to_owned(),
        before: 3,
        after,
    };
    for (loss, after) in [(Loss::Row, 2), (Loss::Table, 0)] {
        let (harness, agent, before) = comparing(Some(loss)).await;
        let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
        assert_eq!(end.outcome, Outcome::RolledBack { failure: changed(after) }, "{loss:?}");
        check_whole(&harness, &end, &before, "lost");
        assert_eq!(harness.lab.plan().had_copies, [true], "{loss:?}");
    }
    let (harness, agent, before) = comparing(Some(Loss::Row)).await;
    let end = harness.carry_out(&agent, harness.upgrade_through(DataEffect::AtStart, &[])).await;
    let Outcome::RolledBack { failure: OrderFailure::OnTheWay { version, failure } } = &end.outcome else {
        panic!("{end:?}");
    };
    assert_eq!((version.as_str(), &**failure), ("2", &changed(2)));
    check_whole_of(3, &harness, &end, &before, "lost on the way");
    assert_eq!(harness.lab.plan().had_copies, [true], "the next release was not started");
}

#[tokio::test]
async fn a_count_that_fails_is_never_a_good_one() {
    let (harness, agent, before) = comparing(Some(Loss::Answer)).await;
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    let not_counted = |end: &End| {
        let Some(OrderFailure::InStore { failure, .. }) = end.outcome.failure() else { panic!("{end:?}") };
        matches!(&**failure, OrderFailure::StoreUnusable { problem: StoreProblem::NotCounted { .. } })
    };
    assert!(not_counted(&end), "{end:?}");
    check_whole(&harness, &end, &before, "not counted after");
    assert_eq!(harness.lab.plan().had_copies, [true]);
    let (harness, agent, before) = comparing(None).await;
    harness.lab.plan().fault = Some(Fault::CountFails);
    let end = harness.carry_out(&agent, harness.upgrade(DataEffect::AtStart, &[])).await;
    assert!(not_counted(&end), "{end:?}");
    check_whole(&harness, &end, &before, "not counted before");
    assert!(harness.lab.plan().had_copies.is_empty(), "the new release was not started");
}
