//! How long an order waits for its repository, and that nothing stays of one that was withdrawn.

use super::*;
use crate::facts::testing::{memory, read};

#[tokio::test]
async fn what_is_being_made_for_an_hour_is_told_with_the_reason() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let seal = Seal::create(home.path()).expect("the key is new");
    let keeper = RepositoryService::new(Arc::new(memory()), Arc::new(Disk::below(home.path())), seal, None);
    let which = (read("central"), read("notes-1"));
    let at = |minutes: u64| Time(1_000_000 + minutes * 60_000);
    for minutes in [0, 59] {
        let passing = keeper.being_made(&which, at(minutes));
        assert!(matches!(passing, KeeperError::BeingMade(_)), "{passing}");
    }
    let told = keeper.being_made(&which, at(60)).to_string();
    assert_eq!(told, "its repository `central` could not be made: it is being made since 1970-01-01T00:16:40Z");
    let other = keeper.being_made(&(which.0, read("notes-2")), at(60));
    assert!(matches!(other, KeeperError::BeingMade(_)), "each waits for itself: {other}");
}

#[tokio::test]
async fn of_orders_that_were_withdrawn_nobody_waits_any_more() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let seal = Seal::create(home.path()).expect("the key is new");
    let keeper = RepositoryService::new(Arc::new(memory()), Arc::new(Disk::below(home.path())), seal, None);
    let which: Which = (read("central"), read("notes-1"));
    assert!(matches!(keeper.being_made(&which, Time(0)), KeeperError::BeingMade(_)));
    keeper.not_made().insert(which.clone(), "its place does not answer".to_owned());
    // No order is open: whoever asked was withdrawn.
    assert_eq!(keeper.to_be_made().expect("the facts can be read"), []);
    assert!(keeper.awaited().is_empty() && keeper.not_made().is_empty());
    let passing = keeper.being_made(&which, Time(3_600_000));
    assert!(matches!(passing, KeeperError::BeingMade(_)), "the next one begins to wait anew: {passing}");
    let other: Which = (read("central"), read("notes-2"));
    keeper.being_made(&other, Time(0));
    keeper.forget_all_but(&[other.clone()].into());
    assert_eq!(keeper.awaited().keys().collect::<Vec<_>>(), [&other], "others wait as long as they did");
}
