//! Limits on the data that one host may send and on the part of it that is written: all hosts share one disk.
//!
//! A host over its budget is read more slowly over all its connections, until it is within it again. None of its
//! reports are dropped. `fleet status` names it.

use crate::metrics::{ReportMetrics, ReportRefusal};
use fleet_core::names::HostName;
use fleet_core::time::Time;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The largest report of an instance that is taken in: hundreds of containers fit.
pub const REPORT_LIMIT: usize = 256 * 1024;
/// Limit on received bytes: a burst, and a rate per second. A host with 100 instances sends less than 1 MB when it
/// connects.
const READ: Rate = Rate { most: 16 << 20, each_second: 1 << 20 };
/// Limit on written bytes; progress and unchanged reports are not written.
const WRITTEN: Rate = Rate { most: 8 << 20, each_second: 64 << 10 };
/// Minimum number of bytes that a write counts for.
const WRITE: usize = 1024;
/// Interval between two events about the same excess of a host.
const TOLD: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
struct Rate {
    most: u64,
    each_second: u64,
}

/// A token bucket that may be overdrawn; it then returns the time to wait.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    /// Bytes that were spent and not paid yet.
    spent: u64,
    at: Instant,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, spent: 0, at: now }
    }

    fn spend(&mut self, bytes: usize, now: Instant) -> Duration {
        let millis = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let paid = millis.saturating_mul(self.rate.each_second) / 1000;
        if paid > 0 {
            self.at = now;
        }
        self.spent = self.spent.saturating_sub(paid).saturating_add(bytes as u64);
        let debt = self.spent.saturating_sub(self.rate.most);
        Duration::from_millis(debt.saturating_mul(1000) / self.rate.each_second)
    }
}

#[derive(Debug)]
struct Budget {
    read: Bucket,
    written: Bucket,
    slowed: Option<Time>,
    oversized: Option<Time>,
    refused: Option<Time>,
    /// Reports that this coordinator could not read, since it started.
    refusals: u64,
}

/// Behaviour of a host that operators should know about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Host that sends more than its budget and is read slowly.
    Slowed,
    /// Host that reported more about one instance than is accepted.
    Oversized,
    /// Host that sent a message which this coordinator cannot parse.
    Refused,
}

/// The budgets of all hosts, by their names: a new connection has the budget of the one before.
#[derive(Debug, Default)]
pub struct Budgets {
    hosts: Mutex<BTreeMap<HostName, Budget>>,
    /// Counters of reports, for `/metrics`.
    pub metrics: ReportMetrics,
}

impl Budgets {
    fn of_hosts(&self) -> MutexGuard<'_, BTreeMap<HostName, Budget>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, host: &HostName, act: impl FnOnce(&mut Budget) -> R) -> R {
        let now = Instant::now();
        let new = || Budget {
            read: Bucket::new(READ, now),
            written: Bucket::new(WRITTEN, now),
            slowed: None,
            oversized: None,
            refused: None,
            refusals: 0,
        };
        act(self.of_hosts().entry(host.clone()).or_insert_with(new))
    }

    /// Records the bytes that a host sent and that were written for it; returns the time to wait before it is read
    /// again.
    pub fn spend(&self, host: &HostName, read: usize, written: usize, now: Time) -> Duration {
        let written = if written == 0 { 0 } else { written + WRITE };
        self.with(host, |budget| {
            let at = Instant::now();
            let wait = budget.read.spend(read, at).max(budget.written.spend(written, at));
            if !wait.is_zero() {
                budget.slowed = Some(now);
            }
            wait
        })
    }

    /// Notes that a report was too large to be taken in.
    pub fn note_oversized(&self, host: &HostName, now: Time) {
        self.metrics.refuse(ReportRefusal::Oversized);
        self.with(host, |budget| budget.oversized = Some(now));
    }

    /// Notes that a report, or a part of one, could not be read. Gives how many there were.
    pub fn note_refused(&self, host: &HostName, now: Time) -> u64 {
        self.metrics.refuse(ReportRefusal::Unreadable);
        self.with(host, |budget| {
            budget.refused = Some(now);
            budget.refusals += 1;
            budget.refusals
        })
    }

    /// Returns the hosts with recent excesses that a person should know about.
    pub fn excesses(&self, now: Time) -> Vec<(HostName, Excess)> {
        let is_recent = |at: Option<Time>| at.is_some_and(|at| now.since(at) < TOLD);
        let mut found = Vec::new();
        for (host, budget) in self.of_hosts().iter() {
            found.extend(is_recent(budget.slowed).then(|| (host.clone(), Excess::Slowed)));
            found.extend(is_recent(budget.oversized).then(|| (host.clone(), Excess::Oversized)));
            found.extend(is_recent(budget.refused).then(|| (host.clone(), Excess::Refused)));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, read};

    /// Returns how long one host needs to send that many reports which are all written, and how much was written.
    async fn takes(budgets: &Budgets, reports: usize, bytes: usize) -> Duration {
        let began = Instant::now();
        for _ in 0..reports {
            tokio::time::sleep(budgets.spend(&read("lab-1"), bytes, bytes, NOW)).await;
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_with_a_hundred_instances_is_read_at_once() {
        let budgets = Budgets::default();
        assert_eq!(takes(&budgets, 1000, 5000).await, Duration::ZERO, "each of them says ten new things");
        assert!(budgets.excesses(NOW).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_written_at_its_rate_also_over_new_connections_and_others_are_not_slowed() {
        let budgets = Budgets::default();
        let took = takes(&budgets, 1000, 200_000).await;
        let rate = 200_000_000 / took.as_secs();
        assert!(rate < 70_000, "{rate} bytes each second");
        assert_eq!(budgets.excesses(NOW), [(read("lab-1"), Excess::Slowed)]);
        assert_eq!(budgets.spend(&read("lab-2"), 200_000, 200_000, NOW), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(budgets.spend(&read("lab-1"), 1000, 1000, NOW), Duration::ZERO, "it has paid");
        assert!(budgets.excesses(NOW.after(TOLD)).is_empty(), "and is not told any more");
    }

    #[tokio::test(start_paused = true)]
    async fn progress_is_read_and_not_written() {
        let budgets = Budgets::default();
        for _ in 0..600 {
            assert_eq!(budgets.spend(&read("lab-1"), 400_000, 0, NOW), Duration::ZERO, "100 instances, each second");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
