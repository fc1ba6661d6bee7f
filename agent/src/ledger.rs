//! What this agent has done and is doing, on disk before it happens.
//!
//! **Invariant:** the rename of an order's file that says `ended` is the one moment at which an order ends. What that
//! makes of the instance stands in the same file, and is written to the instance's own entry after it, or after a crash.

mod entry;
mod file;
#[cfg(test)]
mod freeze;
mod host;
mod journal;
mod known;
mod leftovers;
mod sandboxes;
#[cfg(test)]
mod tests;

pub use entry::{
    Direction, InstanceEntry, LedgerUpdate, OpenState, OrderEntry, OrderState, Settled, StuckMark, Unreadable, Values,
};
pub use journal::{Aside, DataSwap, Held, Journal, RestorePhase};
pub use known::{KnownValues, StateSnapshot};
pub use leftovers::{LeftFolder, Leftover};
pub use sandboxes::LeftoverSandbox;

use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;
use fleet_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The ended orders that are remembered, newest first.
const ENDED_LIMIT: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("could not write the ledger at `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("could not read the ledger at `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("another fleet-agent is running on `{path}`")]
    Locked { path: PathBuf },
}

/// Instances, orders and what drills and restores left, in memory as on disk.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    instances: BTreeMap<InstanceName, InstanceEntry>,
    orders: BTreeMap<OrderId, OrderEntry>,
    sandboxes: BTreeMap<OrderId, LeftoverSandbox>,
    leftovers: BTreeMap<OrderId, Leftover>,
    unreadable: Vec<Unreadable>,
    known: StateSnapshot,
    #[cfg(test)]
    freeze: freeze::Freeze,
    /// Held as long as the ledger is: two agents on one folder would undo each other's work.
    _lock: Option<File>,
}

impl Ledger {
    /// Opens the ledger in an agent's folder for writing, and finishes what a crash left unfinished in it.
    pub fn open(data_dir: &Path) -> Result<Self, LedgerError> {
        file::make_folder(data_dir)?;
        let lock = lock(&data_dir.join("ledger.lock"))?;
        let folder = data_dir.join("ledger");
        for part in ["instances", "orders", "doubles", "leftovers"] {
            file::make_folder(&folder.join(part))?;
            file::sweep(&folder.join(part))?;
        }
        let mut ledger = Self::read(&folder)?;
        ledger._lock = Some(lock);
        ledger.finish_ends()?;
        Ok(ledger)
    }

    /// Reads the ledger without locking or changing it, for those who only look.
    pub fn look(data_dir: &Path) -> Result<Self, LedgerError> {
        Self::read(&data_dir.join("ledger"))
    }

    fn read(folder: &Path) -> Result<Self, LedgerError> {
        let (instances, orders, unreadable) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut ledger = Self {
            folder: folder.to_owned(),
            instances,
            orders,
            sandboxes: BTreeMap::new(),
            leftovers: BTreeMap::new(),
            unreadable,
            known: StateSnapshot::default(),
            #[cfg(test)]
            freeze: freeze::Freeze::default(),
            _lock: None,
        };
        ledger.read_instances()?;
        ledger.read_orders()?;
        ledger.read_doubles()?;
        ledger.read_leftovers()?;
        Ok(ledger)
    }

    fn read_instances(&mut self) -> Result<(), LedgerError> {
        for (stem, path) in file::list(&self.folder.join("instances"))? {
            match (stem.parse::<InstanceName>(), file::read(&path)) {
                (Ok(name), Ok(entry)) => self.insert_instance(name, entry),
                (name, Err(reason)) => self.cannot_read(&path, name.ok(), None, &reason),
                (Err(error), Ok(InstanceEntry { .. })) => self.cannot_read(&path, None, None, &error.to_string()),
            }
        }
        Ok(())
    }

    fn read_orders(&mut self) -> Result<(), LedgerError> {
        for (stem, path) in file::list(&self.folder.join("orders"))? {
            match file::read::<OrderEntry>(&path) {
                Ok(entry) => self.insert_order(entry),
                Err(reason) => {
                    let (instance, id) = stem.split_once('.').unwrap_or((&stem, ""));
                    self.cannot_read(&path, instance.parse().ok(), id.parse().ok(), &reason);
                }
            }
        }
        Ok(())
    }

    fn cannot_read(&mut self, path: &Path, instance: Option<InstanceName>, order: Option<OrderId>, reason: &str) {
        let reason = format!("the ledger's `{}` cannot be read: {reason}", path.display());
        self.unreadable.push(Unreadable { instance, order, reason });
    }

    /// Writes into the instances' entries what the ends of orders made of them.
    fn finish_ends(&mut self) -> Result<(), LedgerError> {
        let unfinished = |entry: &&OrderEntry| matches!(entry.state, OrderState::Ended { becomes: Some(_), .. });
        let ids: Vec<_> = self.orders.values().filter(unfinished).map(|entry| entry.order.id.clone()).collect();
        ids.iter().try_for_each(|id| self.finish_end(id))
    }

    fn finish_end(&mut self, id: &OrderId) -> Result<(), LedgerError> {
        let Some(mut entry) = self.orders.get(id).cloned() else { return Ok(()) };
        let OrderState::Ended { becomes, .. } = &mut entry.state else { return Ok(()) };
        match becomes.take() {
            Some(LedgerUpdate::Entry(instance)) => self.write_instance(&entry.order.instance, *instance)?,
            Some(LedgerUpdate::Gone) => self.remove_instance(&entry.order.instance)?,
            None => return Ok(()),
        }
        self.write_order(entry)
    }

    pub fn instances(&self) -> &BTreeMap<InstanceName, InstanceEntry> {
        &self.instances
    }

    pub fn settled(&self, name: &InstanceName) -> Option<&Settled> {
        self.instances.get(name)?.settled.as_ref()
    }

    /// Values that instances have or had, to keep their secrets out of texts.
    pub fn known(&self) -> &StateSnapshot {
        &self.known
    }

    pub fn orders(&self) -> &BTreeMap<OrderId, OrderEntry> {
        &self.orders
    }

    /// How an order ended.
    pub fn end_of(&self, id: &OrderId) -> Option<End> {
        match &self.orders.get(id)?.state {
            OrderState::Ended { outcome, made, .. } => Some(End { outcome: outcome.clone(), made: made.clone() }),
            OrderState::Open(_) => None,
        }
    }

    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Accepts an order.
    pub fn begin(&mut self, entry: OrderEntry) -> Result<(), LedgerError> {
        self.write_order(entry)
    }

    /// Notes how far an open order has come, before the next step begins.
    pub fn mark(&mut self, id: &OrderId, change: impl FnOnce(&mut OpenState)) -> Result<(), LedgerError> {
        let Some(mut entry) = self.orders.get(id).cloned() else { return Ok(()) };
        let OrderState::Open(open) = &mut entry.state else { return Ok(()) };
        change(open);
        self.write_order(entry)
    }

    /// Ends an order: after this it is never carried out again.
    pub fn end(
        &mut self,
        id: &OrderId,
        end: impl Into<End>,
        becomes: Option<LedgerUpdate>,
        at: Time,
    ) -> Result<(), LedgerError> {
        let Some(mut entry) = self.orders.get(id).cloned() else { return Ok(()) };
        let End { outcome, made } = end.into();
        entry.state = OrderState::Ended { outcome, made, at, heard: false, becomes };
        self.write_order(entry)?;
        self.finish_end(id)?;
        self.forget_oldest()
    }

    /// Notes that the coordinator has heard how an order ended.
    pub fn heard(&mut self, id: &OrderId) -> Result<(), LedgerError> {
        let Some(mut entry) = self.orders.get(id).cloned() else { return Ok(()) };
        match &mut entry.state {
            OrderState::Ended { heard, .. } if !*heard => *heard = true,
            OrderState::Ended { .. } | OrderState::Open(_) => return Ok(()),
        }
        self.write_order(entry)
    }

    /// Notes that a service goes on which an order had left standing still.
    pub fn goes_on(&mut self, name: &InstanceName, service: &str) -> Result<(), LedgerError> {
        let Some(mut entry) = self.instances.get(name).cloned() else { return Ok(()) };
        entry.held.retain(|held| held.service != service);
        self.write_instance(name, entry)
    }

    /// Notes which of an instance's own volumes carry its label, beside those of which that is known.
    pub fn note_signed(&mut self, name: &InstanceName, signed: &BTreeSet<String>) -> Result<(), LedgerError> {
        let Some(mut entry) = self.instances.get(name).cloned() else { return Ok(()) };
        let Some(settled) = &mut entry.settled else { return Ok(()) };
        let own: BTreeSet<_> =
            settled.rendered.spec.volumes.iter().filter(|it| !it.external).map(|it| &it.name).collect();
        let news: Vec<_> =
            signed.iter().filter(|name| own.contains(name) && !settled.signed.contains(*name)).cloned().collect();
        if news.is_empty() {
            return Ok(());
        }
        settled.signed.extend(news);
        self.write_instance(name, entry)
    }

    fn forget_oldest(&mut self) -> Result<(), LedgerError> {
        let ended = |entry: &OrderEntry| match &entry.state {
            OrderState::Ended { at, .. } => Some((*at, entry.order.id.clone())),
            OrderState::Open(_) => None,
        };
        let mut ends: Vec<_> = self.orders.values().filter_map(ended).collect();
        ends.sort();
        let surplus = ends.len().saturating_sub(ENDED_LIMIT);
        for (_, id) in ends.into_iter().take(surplus) {
            if let Some(entry) = self.orders.remove(&id) {
                file::remove(&self.order_path(&entry))?;
            }
        }
        Ok(())
    }

    fn write_instance(&mut self, name: &InstanceName, entry: InstanceEntry) -> Result<(), LedgerError> {
        file::write(&self.instance_path(name), &entry)?;
        self.unreadable.retain(|unreadable| unreadable.order.is_some() || unreadable.instance.as_ref() != Some(name));
        self.insert_instance(name.clone(), entry);
        Ok(())
    }

    fn insert_instance(&mut self, name: InstanceName, entry: InstanceEntry) {
        entry.settled.iter().for_each(|settled| self.known.note_settled(&name, settled));
        self.instances.insert(name, entry);
    }

    fn insert_order(&mut self, entry: OrderEntry) {
        self.known.note_order(&entry);
        self.orders.insert(entry.order.id.clone(), entry);
    }

    fn remove_instance(&mut self, name: &InstanceName) -> Result<(), LedgerError> {
        file::remove(&self.instance_path(name))?;
        self.instances.remove(name);
        Ok(())
    }

    fn write_order(&mut self, entry: OrderEntry) -> Result<(), LedgerError> {
        #[cfg(test)]
        self.freeze.pass(&self.folder)?;
        file::write(&self.order_path(&entry), &entry)?;
        self.insert_order(entry);
        Ok(())
    }

    fn instance_path(&self, name: &InstanceName) -> PathBuf {
        self.folder.join("instances").join(format!("{name}.json"))
    }

    fn order_path(&self, entry: &OrderEntry) -> PathBuf {
        self.folder.join("orders").join(format!("{}.{}.json", entry.order.instance, entry.order.id))
    }
}

fn lock(path: &Path) -> Result<File, LedgerError> {
    let file = File::create(path).map_err(|source| LedgerError::Write { path: path.to_owned(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(LedgerError::Write { path: path.to_owned(), source }),
    }
}
