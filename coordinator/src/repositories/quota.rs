//! Limits the bytes that a host may add under one order: about the expected size of its backup, and never the whole
//! disk.
//!
//! **Invariant:** bytes of a file that was not stored are returned to the quota, so that a file sent again after a
//! broken connection counts once. **Invariant:** a restarted coordinator gives no order a second quota: the bytes that
//! an order added before are read from the disk.

use fleet_core::backup::RepositoryProblem;
use fleet_core::names::{HostName, InstanceName, OrderId, RepositoryName};
use fleet_core::time::Time;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Minimum number of bytes that a file counts for: the number of small files is limited too.
pub const SMALLEST: u64 = 64 << 10;
/// A backup that is expected to be small may be this large.
const FLOOR: u64 = 1 << 30;
/// Limit for the result of a drill, which is a few small files.
const PROOF: u64 = 32 << 20;

/// Kind of data that an order adds to a repository, with what is known about its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A backup by a policy. `expected` are the bytes of the largest good one before it; none before the first.
    Scheduled {
        expected: Option<u64>,
    },
    /// A backup that a person asked for, also before a restore: that it grew is no surprise.
    Requested,
    Proof,
}

impl Purpose {
    /// Returns the maximum number of bytes that may be added, given the free space beside the reserve.
    fn limit(self, room: u64) -> u64 {
        match self {
            Self::Scheduled { expected: Some(bytes) } => bytes.saturating_mul(2).max(FLOOR).min(room / 2),
            Self::Scheduled { expected: None } => room / 2,
            Self::Requested => room,
            Self::Proof => PROOF.min(room / 2),
        }
    }
}

/// The order under which a host adds to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub host: HostName,
    pub order: OrderId,
    /// Time of the order: everything that the repository received since then was added under it.
    pub asked: Time,
    pub purpose: Purpose,
}

type Key = (OrderId, RepositoryName, InstanceName);

#[derive(Debug, Default)]
struct State {
    used: HashMap<Key, Used>,
    /// Exceeded quotas by repository, until another order begins to add there.
    over: HashMap<(InstanceName, RepositoryName), Over>,
}

#[derive(Debug)]
struct Used {
    limit: u64,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Over {
    problem: RepositoryProblem,
    is_told: bool,
}

/// The quotas of all open orders.
#[derive(Debug, Clone)]
pub struct Quotas {
    state: Arc<Mutex<State>>,
    /// Time since which additions of orders are counted here.
    counted_since: Time,
}

/// Reason why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not keep a file in the repository of `{instance}`: its order may add {} MiB, and they are used up", limit >> 20)]
pub struct OverQuota {
    pub instance: InstanceName,
    pub limit: u64,
}

/// One file's part of a quota. It is returned if dropped before the file was stored.
#[derive(Debug)]
pub struct Share {
    of: Quotas,
    key: Key,
    bytes: u64,
    /// Number of those bytes that were accepted before the limit was known.
    ahead: u64,
}

impl Quotas {
    pub fn counted_since(now: Time) -> Self {
        Self { state: Arc::default(), counted_since: now }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an order may have added something before this process began to count.
    pub fn may_have_added(&self, lease: &Lease, (repository, instance): (&RepositoryName, &InstanceName)) -> bool {
        let key = (lease.order.clone(), repository.clone(), instance.clone());
        lease.asked <= self.counted_since && !self.state().used.contains_key(&key)
    }

    /// Begins a file. The first one of an order fixes how much the order may add, all that it `added` before it was counted
    /// here included.
    pub fn begin(
        &self,
        lease: &Lease,
        (repository, instance): (&RepositoryName, &InstanceName),
        (room, added): (u64, u64),
    ) -> Result<Share, OverQuota> {
        let key = (lease.order.clone(), repository.clone(), instance.clone());
        {
            let mut state = self.state();
            if !state.used.contains_key(&key) {
                // The one before is over: an instance has one order about its data at a time.
                state.used.retain(|(_, of, whose), _| (of, whose) != (repository, instance));
                state.over.remove(&(instance.clone(), repository.clone()));
                // The free space was larger by that amount when the order began.
                let limit = lease.purpose.limit(room.saturating_add(added));
                state.used.insert(key.clone(), Used { limit, bytes: added });
            }
        }
        let mut share = Share { of: self.clone(), key, bytes: 0, ahead: 0 };
        share.take(SMALLEST)?;
        share.ahead = SMALLEST;
        Ok(share)
    }

    /// Lets go of orders that are over.
    pub fn retain(&self, is_open: impl Fn(&OrderId) -> bool) {
        self.state().used.retain(|(order, ..), _| is_open(order));
    }

    /// Returns exceeded quotas that have not been reported yet.
    pub fn news(&self) -> Vec<(InstanceName, RepositoryName, RepositoryProblem)> {
        let mut state = self.state();
        let undeliverable = state.over.iter_mut().filter(|(_, over)| !over.is_told);
        let tell = |((instance, repository), over): (&(InstanceName, RepositoryName), &mut Over)| {
            over.is_told = true;
            (instance.clone(), repository.clone(), over.problem.clone())
        };
        undeliverable.map(tell).collect()
    }

    /// Returns exceeded quotas, for people: instance, repository and problem.
    pub fn over(&self) -> Vec<(InstanceName, RepositoryName, RepositoryProblem)> {
        let state = self.state();
        let said = state.over.iter();
        said.map(|((instance, repository), over)| (instance.clone(), repository.clone(), over.problem.clone()))
            .collect()
    }
}

impl Share {
    /// Counts further bytes; fails if they exceed the quota.
    pub fn add(&mut self, bytes: u64) -> Result<(), OverQuota> {
        let ahead = bytes.min(self.ahead);
        self.ahead -= ahead;
        self.take(bytes - ahead)
    }

    fn take(&mut self, bytes: u64) -> Result<(), OverQuota> {
        let (_, repository, instance) = &self.key;
        let mut state = self.of.state();
        // If the order is over by now, nothing is stored: the caller checks again before that.
        let Some(used) = state.used.get_mut(&self.key) else { return Ok(()) };
        if used.bytes.saturating_add(bytes) > used.limit {
            let limit = used.limit;
            let problem = RepositoryProblem::OverQuota { order: self.key.0.clone(), limit };
            let over = Over { problem, is_told: false };
            state.over.entry((instance.clone(), repository.clone())).or_insert(over);
            return Err(OverQuota { instance: instance.clone(), limit });
        }
        used.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Records that the file is stored: its bytes stay counted.
    pub fn kept(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(used) = self.of.state().used.get_mut(&self.key) {
            used.bytes = used.bytes.saturating_sub(self.bytes);
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::facts::testing::{order, read};

    /// Asked after the quotas began to be counted.
    pub fn lease(host: &str, id: &str, purpose: Purpose) -> Lease {
        let asked = crate::clock::now().after(std::time::Duration::from_secs(1));
        Lease { host: read(host), order: order(id), asked, purpose }
    }

    #[test]
    fn an_order_may_add_about_what_its_backup_is_expected_to_need_and_never_all_of_the_disk() {
        let gib = |count: u64| count << 30;
        let limit = |expected, room| Purpose::Scheduled { expected }.limit(room);
        assert_eq!(limit(Some(21), gib(100)), gib(1));
        assert_eq!(limit(Some(gib(10)), gib(100)), gib(20));
        assert_eq!(limit(Some(gib(10)), gib(30)), gib(15), "half of the room is for others");
        assert_eq!(limit(None, gib(30)), gib(15));
        assert_eq!(Purpose::Requested.limit(gib(30)), gib(30), "a person knows that it has grown");
        assert_eq!(Purpose::Proof.limit(gib(30)), PROOF);
    }

    #[test]
    fn small_files_take_their_part_and_what_is_not_kept_is_given_back() {
        let (quotas, which) = (Quotas::counted_since(Time::ZERO), (read("central"), read("notes-1")));
        let of = (&which.0, &which.1);
        let lease = lease("lab-1", "backup", Purpose::Scheduled { expected: None });
        let room = (20 * SMALLEST, 0);
        for _ in 0..100 {
            drop(quotas.begin(&lease, of, room).expect("those before were cut off"));
        }
        for _ in 0..10 {
            quotas.begin(&lease, of, room).expect("there is room").kept();
        }
        let refused = quotas.begin(&lease, of, room).map(|_| ()).expect_err("ten fill the half");
        assert_eq!(refused.limit, 10 * SMALLEST);
        let said = quotas.news();
        assert!(matches!(said[..], [(_, _, RepositoryProblem::OverQuota { .. })]), "{said:?}");
        assert_eq!((quotas.news().len(), quotas.over().len()), (0, 1), "it is told once");
        let next = Lease { order: order("next"), ..lease };
        let mut share = quotas.begin(&next, of, room).expect("each order has its own");
        assert_eq!(quotas.over().len(), 0);
        share.add(SMALLEST).expect("it was taken at the beginning");
        share.add(9 * SMALLEST).expect("it is all that there is");
        share.add(1).expect_err("there is no more");
    }
}
