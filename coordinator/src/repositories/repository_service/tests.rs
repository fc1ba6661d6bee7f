//! Time that an order waits for its repository, and the cleanup after a withdrawn order.

use super::*;
use crate::facts::testing::{memory, read};

#[tokio::test]
async fn what_is_being_made_for_an_hour_is_told_with_the_reason() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let seal = Seal::create(home.path()).expect("the key is new");
    let repository_service = RepositoryService::new(Arc::new(memory()), Arc::new(Disk::below(home.path())), seal, None);
    let which = (read("central"), read("notes-1"));
    let at = |minutes: u64| Time(1_000_000 + minutes * 60_000);
    for minutes in [0, 59] {
        let passing = repository_service.being_made(&which, at(minutes));
        assert!(matches!(passing, RepositoryServiceError::BeingMade(_)), "{passing}");
    }
    let recorded = repository_service.being_made(&which, at(60)).to_string();
    assert_eq!(recorded, "its repository `central` could not be made: it is being made since 1970-01-01T00:16:40Z");
    let other = repository_service.being_made(&(which.0, read("notes-2")), at(60));
    assert!(matches!(other, RepositoryServiceError::BeingMade(_)), "each waits for itself: {other}");
}

#[tokio::test]
async fn of_orders_that_were_withdrawn_nobody_waits_any_more() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let seal = Seal::create(home.path()).expect("the key is new");
    let repository_service = RepositoryService::new(Arc::new(memory()), Arc::new(Disk::below(home.path())), seal, None);
    let which: Which = (read("central"), read("notes-1"));
    assert!(matches!(repository_service.being_made(&which, Time(0)), RepositoryServiceError::BeingMade(_)));
    repository_service.not_made().insert(which.clone(), "its place does not answer".to_owned());
    // No order is open: the one that asked was withdrawn.
    assert_eq!(repository_service.to_be_made().expect("the facts can be read"), []);
    assert!(repository_service.awaited().is_empty() && repository_service.not_made().is_empty());
    let passing = repository_service.being_made(&which, Time(3_600_000));
    assert!(matches!(passing, RepositoryServiceError::BeingMade(_)), "the next one begins to wait anew: {passing}");
    let other: Which = (read("central"), read("notes-2"));
    repository_service.being_made(&other, Time(0));
    repository_service.forget_all_but(&[other.clone()].into());
    assert_eq!(repository_service.awaited().keys().collect::<Vec<_>>(), [&other], "others wait as long as they did");
}
