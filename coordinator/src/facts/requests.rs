//! The requests that have started something: the same one again starts nothing.

use super::{DesiredChange, StateSnapshot};
use crate::keys;
use fleet_core::names::{InstanceName, OperatorName, RequestId, RolloutId};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Time for which a request is remembered.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// The most requests that are remembered; beyond, the oldest is forgotten.
const MOST: usize = 10_000;

/// A request that has started something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Operator who sent it.
    pub by: OperatorName,
    /// The digest of the plan that was agreed to.
    pub plan_digest: String,
    /// Change that it started.
    pub started: Started,
    /// Time at which it was accepted.
    pub at: Time,
}

/// Change that a request has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// A rollout.
    Rollout(RolloutId),
    /// A change of one instance.
    Change(InstanceName),
}

impl StateSnapshot {
    /// Returns the record of a request.
    pub fn request(&self, id: &RequestId) -> Option<&RequestRecord> {
        self.requests.get(id)
    }
}

impl DesiredChange<'_> {
    /// Remembers that a request has started something.
    pub fn put_request(&mut self, id: &RequestId, record: RequestRecord) {
        self.batch.put(keys::request(id), &record);
        self.snapshot.requests.insert(id.clone(), record);
        if self.snapshot.requests.len() > MOST {
            let oldest = self.snapshot.requests.iter().min_by_key(|(_, record)| record.at);
            oldest.map(|(id, _)| id.clone()).iter().for_each(|id| self.forget_request(id));
        }
    }

    /// Removes requests that are too old to be repeated.
    pub fn forget_old_requests(&mut self) {
        let now = self.now;
        let old = self.snapshot.requests.iter().filter(|(_, record)| record.at.after(MEMORY) < now);
        let old: Vec<RequestId> = old.map(|(id, _)| id.clone()).collect();
        old.iter().for_each(|id| self.forget_request(id));
    }

    fn forget_request(&mut self, id: &RequestId) {
        self.batch.delete(keys::request(id));
        self.snapshot.requests.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{memory, read};

    fn record(at: u64) -> RequestRecord {
        let started = Started::Change(read("notes-1"));
        RequestRecord { by: read("ada"), plan_digest: "00".to_owned(), started, at: Time(at) }
    }

    #[tokio::test]
    async fn a_request_is_remembered_for_a_day_and_no_more_than_so_many_are() {
        let facts = memory();
        let id = |number: usize| -> RequestId { read(&format!("{number:016}")) };
        facts
            .desire(|change| {
                (0..=MOST).for_each(|number| change.put_request(&id(number), record(number as u64)));
                assert_eq!(change.snapshot().request(&id(0)), None, "the oldest has gone");
                assert_eq!(change.snapshot().request(&id(1)), Some(&record(1)));
                change.now = Time(5).after(MEMORY);
                change.forget_old_requests();
                assert_eq!(change.snapshot().request(&id(4)), None, "it is older than a day");
                assert_eq!(change.snapshot().request(&id(5)), Some(&record(5)));
            })
            .await;
    }
}
