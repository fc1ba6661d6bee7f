//! Other databases of a server are not lost without an operator's consent.

use super::actions::{backup, restore, source};
use super::harness::Harness;
use super::lab::Fault;
use super::restores::changed_since;
use fleet_core::backup::{DataAction, DataNote, DataResult, Others, UncoveredData};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;

pub fn dropping(id: &BackupId) -> Action {
    let from = source("near", id);
    let (only, safety) = Default::default();
    Action::Data(DataAction::Restore {
        from,
        only,
        safety,
        goal: None,
        replaces: None,
        others: Others::Dropped,
        privileges: Default::default(),
    })
}

fn beside(harness: &Harness, text: &str) {
    text.clone_into(&mut harness.lab.beside.lock().expect("not poisoned"));
}

#[tokio::test]
async fn databases_that_no_store_names_are_not_lost_without_a_word() {
    let (harness, agent, id, before, after) = changed_since("").await;
    beside(&harness, "database\tnotes\ndatabase\tsales\naccount\tanna\n");
    let end = harness.carry_out(&agent, restore("near", &id, &["near"])).await;
    let Outcome::Failed { failure: OrderFailure::DataWouldBeLost { lost } } = &end.outcome else { panic!("{end:?}") };
    let named = |name: &str| ("db".to_owned(), name.to_owned());
    let ((service, anna), (of, sales)) = (named("anna"), named("sales"));
    let expect = [UncoveredData::Account { service, name: anna }, UncoveredData::Database { service: of, name: sales }];
    assert_eq!(*lost, expect);
    assert_eq!((harness.state(), harness.sets("near").await.len()), (after, 1), "not even a safety backup was taken");
    harness.check_calm("after a restore that would have lost a database");
    let end = harness.carry_out(&agent, dropping(&id)).await;
    assert_eq!((end.outcome.clone(), harness.state()), (Outcome::Done, before));
    let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore, found {end:?}") };
    assert_eq!(made.notes, expect.map(|what| DataNote::Replaced { what }));
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_not_emptied_without_a_word() {
    let (harness, agent, id, before, after) = changed_since("").await;
    harness.lab.plan().fault = Some(Fault::DatabaseDown);
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    let Outcome::Failed { failure: OrderFailure::DataWouldBeLost { lost } } = &end.outcome else { panic!("{end:?}") };
    assert!(matches!(&lost[..], [UncoveredData::ServerNotAsked { service, .. }] if service == "db"), "{lost:?}");
    assert_eq!(harness.state(), after);
    harness.lab.plan().fault = None;
    // A store without data cannot lose any.
    std::fs::remove_file(harness.lab.volume("oasis-1_data").join("rows")).expect("removed");
    beside(&harness, "database\tsales\n");
    let again = harness.order(restore("near", &id, &[]), "again");
    assert_eq!(harness.carry_out_order(&agent, &again).await.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
}

#[tokio::test]
async fn a_backup_says_what_its_server_holds_besides() {
    let (harness, agent) = Harness::new("").await;
    beside(&harness, "database\tnotes\ndatabase\tsales\n");
    assert_eq!(harness.carry_out(&agent, backup(&["near"])).await.outcome, Outcome::Done);
    let manifest = harness.sets("near").await[0].read_manifest().expect("it can be read");
    let (service, name) = ("db".to_owned(), "sales".to_owned());
    assert_eq!(manifest.uncovered, [UncoveredData::UndeclaredDatabase { service, name }]);
}
