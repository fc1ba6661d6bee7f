//! How long an order waits for its repository.

use super::*;
use crate::facts::testing::{memory, read};

#[tokio::test]
async fn what_is_being_made_for_an_hour_is_told_with_the_reason() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let seal = Seal::create(home.path()).expect("the key is new");
    let keeper = Keeper::new(Arc::new(memory()), Arc::new(Disk::below(home.path())), seal, None);
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
