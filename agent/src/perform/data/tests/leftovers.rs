//! Data of before a restore that cannot be removed is named with its instance, and is removed later.

use super::actions::restore;
use super::harness::{Agent, instance};
use super::restores::changed_since;
use crate::ledger::Ledger;
use crate::status_board::StatusBoard;
use fleet_core::backup::{DataNote, DataResult};
use fleet_core::data_leftover::DataLeftover;
use fleet_core::event::HostEvent;
use fleet_core::facts::Running;
use fleet_core::order::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A file that not even root can remove.
struct Protected(PathBuf);

impl Protected {
    fn new(path: &Path) -> Self {
        std::fs::write(path, "kept").expect("written");
        chattr("+i", path);
        Self(path.to_owned())
    }
}

impl Drop for Protected {
    fn drop(&mut self) {
        if self.0.exists() {
            chattr("-i", &self.0);
        }
    }
}

fn chattr(flag: &str, path: &Path) {
    let done = Command::new("chattr").arg(flag).arg(path).status().expect("chattr is there");
    assert!(done.success(), "chattr {flag} {}", path.display());
}

/// Waits until the report of the instance is as expected; pauses between tries are skipped.
async fn until_said(agent: &Agent, is_so: impl Fn(&[DataLeftover]) -> bool) {
    let mut status_board = agent.context.status_writer.reader();
    let said = |status_board: &StatusBoard| match status_board.instances.get(&instance()) {
        Some(Running::Settled(said)) => is_so(&said.leftovers),
        Some(Running::Absent | Running::Busy { .. }) | None => false,
    };
    let waited = tokio::time::timeout(Duration::from_secs(3600), status_board.wait_for(said)).await;
    drop(waited.expect("it is said in time").expect("the board is there"));
}

#[tokio::test]
async fn old_data_that_cannot_be_removed_is_named_until_it_is_gone() {
    let (harness, agent, id, before, _) = changed_since("").await;
    let uploads = harness.lab.volume("oasis-1_uploads");
    let file = "protected.txt";
    let mut protected = Protected::new(&uploads.join(file));
    let order = harness.order(restore("near", &id, &[]), "");
    let waits =
        uploads.with_file_name(format!("{}.before-{}", uploads.file_name().expect("a name").display(), order.order.id));
    protected.0 = waits.join(file);
    let end = harness.carry_out_order(&agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done, "the restore itself is well");
    assert_eq!(harness.state(), before);
    let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore, found {end:?}") };
    let is_it = |left: &DataLeftover| match left {
        DataLeftover::NotRemoved { path, cause, .. } => Path::new(path) == waits && cause.contains("not permitted"),
        DataLeftover::RemovalTooSlow { .. } | DataLeftover::Other { .. } => false,
    };
    let is_note = |note: &DataNote| matches!(note, DataNote::Leftover { left } if is_it(left));
    assert!(made.notes.iter().any(is_note), "the end of the order names it: {:?}", made.notes);
    until_said(&agent, |left| left.iter().any(is_it)).await;

    // An agent that is started again knows it, too.
    agent.kill().await;
    let agent = harness.agent();
    let is_told = |event: &HostEvent| matches!(event, HostEvent::OldDataLeft(left) if is_it(left));
    let recorded = |status_board: &StatusBoard| status_board.events.iter().any(|(_, event)| is_told(&event.kind));
    agent.context.status_writer.reader().wait_for(recorded).await.expect("the board is there");
    assert!(waits.exists(), "it is still there");

    drop(protected);
    let mut status_board = agent.context.status_writer.reader();
    tokio::time::pause();
    let is_removed =
        |event: &HostEvent| matches!(event, HostEvent::OldDataRemoved { path } if Path::new(path) == waits);
    let gone = |status_board: &StatusBoard| status_board.events.iter().any(|(_, event)| is_removed(&event.kind));
    status_board.wait_for(gone).await.expect("the board is there");
    while !Ledger::look(&harness.data_dir()).expect("it can be read").leftovers().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!waits.exists());
    assert_eq!(super::super::left_of(&agent.context, &instance()), Vec::<DataLeftover>::new());
    assert_eq!(harness.state(), before);
    harness.check_calm("after the old data is gone");
}
