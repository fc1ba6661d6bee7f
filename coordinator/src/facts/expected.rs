//! Backups that orders have asked for: others that are found in a repository count for nothing.
//!
//! Kept beside the open orders, because an order may be over before its backup is found: it was withdrawn, or another copy failed.

use super::StateSnapshot;
use crate::keys;
use crate::store::Batch;
use fleet_core::backup::{Cause, DataAction};
use fleet_core::facts::OpenOrder;
use fleet_core::names::{BackupId, HostName, InstanceName, OrderId, RepositoryName};
use fleet_core::order::Action;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Time after an order's deadline during which its backup is searched for: repositories are read once a day.
const FOUND_WITHIN: Duration = Duration::from_secs(2 * 86_400);

/// Time after that during which the order is remembered. A report that arrives then is listed, but does not count.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// A backup that an order has asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub instance: InstanceName,
    /// Host that got the order. Unknown for orders from before this was recorded.
    #[serde(default)]
    pub host: Option<HostName>,
    pub to: BTreeSet<RepositoryName>,
    /// Time of the first order.
    pub asked: Time,
    /// End of the period in which a backup counts as made by that order.
    pub until: Time,
    /// True if its host has reported the end, so that no late report is expected.
    #[serde(default)]
    pub is_heard: bool,
}

impl Expected {
    /// Makes the entry; none if the order makes no backup.
    fn of(open: &OpenOrder) -> Option<Self> {
        let to = open.order.action.backup_targets().filter(|to| !to.is_empty())?.clone();
        let until = open.asked.after(open.order.deadline).after(FOUND_WITHIN);
        let (instance, host) = (open.order.instance.clone(), Some(open.host.clone()));
        Some(Self { instance, host, to, asked: open.asked, until, is_heard: false })
    }

    /// Returns the action of the order, as far as it is recorded.
    pub(super) fn action(&self) -> Action {
        Action::Data(DataAction::Backup { to: self.to.clone(), cause: Cause::Scheduled })
    }

    /// Returns whether a report that arrives now counts as the ordered backup.
    pub(super) fn counts(&self, now: Time) -> bool {
        now <= self.until
    }
}

impl StateSnapshot {
    /// Records the backup that a new order asks for. If the order is given again, the backup keeps its time.
    pub(super) fn expect_backup(&mut self, batch: &mut Batch, open: &OpenOrder) {
        let Some(mut expected) = Expected::of(open) else { return };
        let id = &open.order.id;
        if let Some(before) = self.expected.get(id) {
            expected.asked = before.asked;
        }
        batch.put(keys::expected(id), &expected);
        self.expected.insert(id.clone(), expected);
    }

    /// Notes that the host of an order has said how it ended.
    pub(super) fn heard_of(&mut self, batch: &mut Batch, id: &OrderId) {
        let Some(expected) = self.expected.get_mut(id).filter(|expected| !expected.is_heard) else { return };
        expected.is_heard = true;
        batch.put(keys::expected(id), expected);
    }

    /// The order that asked for a backup that is found now, if one did.
    pub(super) fn expected_of(
        &self,
        instance: &InstanceName,
        repository: &RepositoryName,
        backup: &BackupId,
        now: Time,
    ) -> Option<&Expected> {
        let id: OrderId = backup.as_str().parse().ok()?;
        let expected = self.expected.get(&id)?;
        let is_it = expected.instance == *instance && expected.to.contains(repository) && expected.counts(now);
        is_it.then_some(expected)
    }

    /// Returns the entry of an earlier order of the host whose end arrives now.
    pub(super) fn was_asked(&self, host: &HostName, id: &OrderId, instance: &InstanceName) -> Option<&Expected> {
        let expected = self.expected.get(id).filter(|expected| expected.instance == *instance)?;
        expected.host.as_ref().is_none_or(|asked| asked == host).then_some(expected)
    }

    /// Returns whether the order that makes a backup is open: its host has not reported the result.
    pub(super) fn is_being_made(
        &self,
        instance: &InstanceName,
        repository: &RepositoryName,
        backup: &BackupId,
    ) -> bool {
        let open = backup.as_str().parse().ok().and_then(|id: OrderId| self.asked.orders.get(&id));
        open.is_some_and(|open| {
            let to = open.order.action.backup_targets();
            open.order.instance == *instance && to.is_some_and(|to| to.contains(repository))
        })
    }

    /// The orders that are not remembered any more.
    pub(super) fn no_longer_expected(&self, now: Time) -> Vec<OrderId> {
        let is_over = |(id, expected): &(&OrderId, &Expected)| {
            let remembered = if expected.is_heard { Duration::ZERO } else { REMEMBERED };
            expected.until.after(remembered) < now && !self.asked.orders.contains_key(*id)
        };
        self.expected.iter().filter(is_over).map(|(id, _)| id.clone()).collect()
    }
}
