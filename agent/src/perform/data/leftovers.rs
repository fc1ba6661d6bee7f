//! Old data and copies that a restore or an upgrade could not remove: they are reported with their instance, and the agent retries
//! the removal until they are gone.
//!
//! **Invariant:** only folders are removed here that a restore moved aside, or that an upgrade copied or replaced, after that order has
//! passed or gone back.

use super::{DataError, DataWork, set_aside, undo};
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{Aside, LeftFolder, Leftover};
use fleet_core::activity::Activity;
use fleet_core::backup::DataNote;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::event::HostEvent;
use fleet_core::failed_step::FileStep;
use fleet_core::names::InstanceName;
use fleet_core::time::Time;
use std::time::Duration;
use tokio::time::timeout;

/// Much data takes its time; then it is tried later. A later try gives way to orders.
const LIMIT: Duration = Duration::from_secs(600);
/// Interval between events about remains; the agent's start also causes one.
const BETWEEN_WORDS: Duration = Duration::from_secs(24 * 3600);

/// Removes the old data after a restore has passed, or the copies of an upgrade. Remains are recorded in the ledger, and returned.
pub async fn remove_old(data: &DataWork<'_>, asides: &[Aside]) -> Vec<DataNote> {
    let mut folders = Vec::new();
    for aside in asides {
        data.work.say(Activity::RemovingFolder(aside.waits.display().to_string()));
        folders.extend(remove(aside).await.err().map(|error| left(aside, Some(reason_of(&error)))));
    }
    let now = clock::now();
    let (order, instance) = (data.order.id.clone(), data.order.instance.clone());
    let left = Leftover { order, instance, folders, since: now, said: now };
    let kept = left.clone();
    data.context().retry_until_ok(move |ledger| ledger.keep_leftover(kept.clone())).await;
    tell(data.context(), &left);
    left.folders.iter().map(|folder| DataNote::Leftover { left: leftover(folder, now) }).collect()
}

async fn remove(aside: &Aside) -> Result<(), DataError> {
    undo::moved(aside, FileStep::Remove, set_aside::let_go).await
}

/// Returns the disk's error without the path.
fn reason_of(error: &DataError) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => crate::chain(error),
    }
}

fn left(aside: &Aside, reason: Option<String>) -> LeftFolder {
    LeftFolder { aside: aside.clone(), reason }
}

/// Returns the remains of an instance's restores and upgrades, by folder.
pub fn left_of(context: &AgentContext, instance: &InstanceName) -> Vec<DataLeftover> {
    let ledger = context.ledger();
    let of_instance = ledger.leftovers().values().filter(|left| left.instance == *instance);
    of_instance.flat_map(|left| left.folders.iter().map(|folder| leftover(folder, left.since))).collect()
}

fn leftover(folder: &LeftFolder, since: Time) -> DataLeftover {
    let path = folder.aside.waits.display().to_string();
    match folder.reason.clone() {
        Some(cause) => DataLeftover::NotRemoved { path, since, cause },
        None => DataLeftover::RemovalTooSlow { path, since },
    }
}

fn tell(context: &AgentContext, left: &Leftover) {
    for left_folder in left.folders.iter().map(|folder| leftover(folder, left.since)) {
        tracing::warn!(instance = %left.instance, %left_folder, "the data of before a restore or an upgrade could not be removed");
        context.status_writer.tell(clock::now(), Some(&left.instance), HostEvent::OldDataLeft(left_folder));
    }
}

/// Tells people of all that is left, when the agent starts.
pub fn tell_all(context: &AgentContext) {
    let all: Vec<Leftover> = context.ledger().leftovers().values().cloned().collect();
    all.iter().for_each(|left| tell(context, left));
}

/// Tries once to remove the remains of an instance's restores and upgrades.
pub async fn try_again(context: &AgentContext, instance: &InstanceName) {
    let of_instance = |left: &&Leftover| left.instance == *instance;
    let all: Vec<Leftover> = context.ledger().leftovers().values().filter(of_instance).cloned().collect();
    for before in all {
        let mut folders = Vec::new();
        for LeftFolder { aside, .. } in &before.folders {
            match timeout(LIMIT, remove(aside)).await {
                Ok(Ok(())) => {
                    let path = aside.waits.display().to_string();
                    tracing::warn!(%instance, path, "the data of before a restore or an upgrade is removed now");
                    context.status_writer.tell(clock::now(), Some(instance), HostEvent::OldDataRemoved { path });
                }
                Ok(Err(error)) => folders.push(left(aside, Some(reason_of(&error)))),
                Err(_) => folders.push(left(aside, None)),
            }
        }
        keep(context, before, folders).await;
    }
}

/// Records the present remains, and reports them again after a long time.
async fn keep(context: &AgentContext, before: Leftover, folders: Vec<LeftFolder>) {
    let now = clock::now();
    let is_due = now.since(before.said) >= BETWEEN_WORDS;
    let said = if is_due { now } else { before.said };
    let left = Leftover { folders, said, ..before.clone() };
    if is_due {
        tell(context, &left);
    }
    if left != before {
        let kept = left.clone();
        context.retry_until_ok(move |ledger| ledger.keep_leftover(kept.clone())).await;
        // The report of the instance has changed. While the agent stops, nothing receives this.
        let _ = context.attention.send(left.instance.clone());
    }
}
