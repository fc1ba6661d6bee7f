//! A disk under the ledger that does not answer.

use super::harness::{Harness, install};
use crate::ledger::{DiskFiles, LedgerFiles, OrderEntry, OrderState};
use crate::link::{Greeting, stream};
use crate::mask::MaskedBoard;
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;
use fleet_core::time::Time;
use fleet_proto::v1::{FromAgent, from_agent::Kind};
use futures_util::{FutureExt, Stream, StreamExt};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Hangs at each write until released.
#[derive(Debug)]
struct HangingDisk {
    is_hanging: watch::Sender<bool>,
    may_go_on: Mutex<bool>,
    released: Condvar,
    /// The files in the order in which they were written.
    written: Mutex<Vec<String>>,
}

impl HangingDisk {
    fn new() -> Arc<Self> {
        let is_hanging = watch::Sender::new(false);
        let (may_go_on, released, written) = (Mutex::new(false), Condvar::new(), Mutex::default());
        Arc::new(Self { is_hanging, may_go_on, released, written })
    }

    fn go_on(&self) {
        *self.may_go_on.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.released.notify_all();
    }

    async fn hangs(&self) {
        let mut is_hanging = self.is_hanging.subscribe();
        is_hanging.wait_for(|is_hanging| *is_hanging).await.expect("the disk is there");
    }
}

impl LedgerFiles for HangingDisk {
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.is_hanging.send_replace(true);
        let may_go_on = self.may_go_on.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.released.wait_while(may_go_on, |may_go_on| !*may_go_on).unwrap_or_else(PoisonError::into_inner));
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(folder);
        DiskFiles.replace(path, content)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskFiles.remove(path)
    }
}

/// Returns the messages of an agent with nothing to report.
fn words() -> impl Stream<Item = FromAgent> {
    let greeting = watch::Sender::new(Greeting::default()).subscribe();
    let status_board = watch::Sender::new(MaskedBoard::default()).subscribe();
    stream(greeting, status_board, watch::Sender::new(None).subscribe(), Arc::default())
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_for_a_minute_stops_no_heartbeat_and_nothing_is_done_before_it_answers() {
    let (disk, harness) = (HangingDisk::new(), Harness::new());
    let agent = harness.agent_on(Arc::clone(&disk) as Arc<dyn LedgerFiles>);
    let order = harness.order(install(1));
    harness.ask(std::slice::from_ref(&order));
    disk.hangs().await;

    let mut words = Box::pin(words());
    while words.next().now_or_never().is_some() {}
    for second in (7..=63).step_by(7) {
        tokio::time::advance(Duration::from_secs(7)).await;
        let said = words.next().now_or_never().flatten().and_then(|message| message.kind);
        assert!(matches!(said, Some(Kind::Heartbeat(_))), "after {second} s: {said:?}");
    }
    assert_eq!(harness.runtime.world().steps_so_far, 0, "the ledger does not have it yet");
    assert!(agent.context.ledger().orders().is_empty(), "memory is not ahead of the disk");

    tokio::time::resume();
    disk.go_on();
    assert_eq!(agent.end_of(&order.order.id).await, Outcome::Done);
    assert!(harness.runtime.world().steps_so_far > 0);
}

#[tokio::test]
async fn changes_are_written_in_the_order_in_which_they_were_asked_for_also_when_nobody_waits_any_more() {
    let (disk, harness) = (HangingDisk::new(), Harness::new());
    let agent = harness.agent_on(Arc::clone(&disk) as Arc<dyn LedgerFiles>);
    let ledger = &agent.context.ledger;
    let order = harness.order(install(1)).order;
    let end = Outcome::Refused { failure: OrderFailure::other("no") };
    let state = OrderState::Ended { outcome: end, made: None, at: Time(1), heard: false, becomes: None };
    let entry = OrderEntry { order: order.clone(), begun: Time(1), state };
    let begun = entry.clone();
    // Nobody waits for the first any more, once it is with the disk.
    tokio::select! {
        _ = ledger.write(move |ledger| ledger.begin(begun)) => panic!("the disk hangs"),
        () = disk.hangs() => {}
    }
    let id = order.id.clone();
    let heard = ledger.write(move |ledger| ledger.heard(&id));
    disk.go_on();
    heard.await.expect("it is written");
    assert_eq!(disk.written.lock().unwrap_or_else(PoisonError::into_inner).len(), 2, "and the second after the first");
    let has_heard = agent.context.ledger().orders()[&order.id].clone();
    assert_ne!(has_heard, entry, "the change was made to what the first had written");
}
