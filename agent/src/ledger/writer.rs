//! The one writer of the ledger: disk first, then memory.

use super::file::{self, DiskFiles, LedgerFiles};
use super::{InstanceEntry, Ledger, LedgerError, LedgerUpdate, OpenState, OrderEntry, OrderState};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;
use fleet_core::time::Time;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ended orders that are remembered, newest first.
pub(super) const ENDED_LIMIT: usize = 1000;

/// Write access to the ledger. Its methods wait for the disk: they are called on a thread that may block.
#[derive(Debug)]
pub struct LedgerWriter {
    /// The ledger in memory, shared with its readers. Locked for moments only, never while the disk works.
    pub(super) memory: Arc<Mutex<Ledger>>,
    pub(super) files: Arc<dyn LedgerFiles>,
    #[cfg(test)]
    pub(super) freeze: Arc<super::freeze::Freeze>,
    /// Held as long as the writer is there: two agents on one folder would undo each other's work.
    _lock: File,
}

impl LedgerWriter {
    /// Opens the ledger in an agent's folder, and completes changes that a crash interrupted.
    pub fn open(data_dir: &Path) -> Result<Self, LedgerError> {
        Self::open_on(data_dir, Arc::new(DiskFiles))
    }

    /// Does so on a disk of its own kind, such as one that hangs.
    pub fn open_on(data_dir: &Path, files: Arc<dyn LedgerFiles>) -> Result<Self, LedgerError> {
        file::make_folder(data_dir)?;
        let lock = lock(&data_dir.join("ledger.lock"))?;
        let folder = data_dir.join("ledger");
        for part in ["instances", "orders", "doubles", "leftovers"] {
            file::make_folder(&folder.join(part))?;
            file::sweep(&folder.join(part))?;
        }
        let memory = Arc::new(Mutex::new(Ledger::read(&folder)?));
        let mut writer = Self {
            memory,
            files,
            #[cfg(test)]
            freeze: Arc::default(),
            _lock: lock,
        };
        writer.finish_ends()?;
        Ok(writer)
    }

    /// The ledger in memory.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the ends of orders to the instances' entries.
    fn finish_ends(&mut self) -> Result<(), LedgerError> {
        let unfinished = |entry: &&OrderEntry| matches!(entry.state, OrderState::Ended { becomes: Some(_), .. });
        let ids: Vec<_> =
            self.ledger().orders.values().filter(unfinished).map(|entry| entry.order.id.clone()).collect();
        ids.iter().try_for_each(|id| self.finish_end(id))
    }

    fn finish_end(&mut self, id: &OrderId) -> Result<(), LedgerError> {
        let Some(mut entry) = self.ledger().orders.get(id).cloned() else { return Ok(()) };
        let OrderState::Ended { becomes, .. } = &mut entry.state else { return Ok(()) };
        match becomes.take() {
            Some(LedgerUpdate::Entry(instance)) => self.write_instance(&entry.order.instance, *instance)?,
            Some(LedgerUpdate::Gone) => self.remove_instance(&entry.order.instance)?,
            None => return Ok(()),
        }
        self.write_order(entry)
    }

    /// Accepts an order.
    pub fn begin(&mut self, entry: OrderEntry) -> Result<(), LedgerError> {
        self.write_order(entry)
    }

    /// Notes how far an open order has come, before the next step begins.
    pub fn mark(&mut self, id: &OrderId, change: impl FnOnce(&mut OpenState)) -> Result<(), LedgerError> {
        let Some(mut entry) = self.ledger().orders.get(id).cloned() else { return Ok(()) };
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
        let Some(mut entry) = self.ledger().orders.get(id).cloned() else { return Ok(()) };
        let End { outcome, made } = end.into();
        entry.state = OrderState::Ended { outcome, made, at, heard: false, becomes };
        self.write_order(entry)?;
        self.finish_end(id)?;
        self.forget_oldest()
    }

    /// Records that the coordinator has acknowledged the end of an order.
    pub fn heard(&mut self, id: &OrderId) -> Result<(), LedgerError> {
        let Some(mut entry) = self.ledger().orders.get(id).cloned() else { return Ok(()) };
        match &mut entry.state {
            OrderState::Ended { heard, .. } if !*heard => *heard = true,
            OrderState::Ended { .. } | OrderState::Open(_) => return Ok(()),
        }
        self.write_order(entry)
    }

    /// Records that a service runs again which an order had left stopped.
    pub fn goes_on(&mut self, name: &InstanceName, service: &str) -> Result<(), LedgerError> {
        let Some(mut entry) = self.ledger().instances.get(name).cloned() else { return Ok(()) };
        entry.held.retain(|held| held.service != service);
        self.write_instance(name, entry)
    }

    /// Notes which of an instance's own volumes carry its label, beside those of which that is known.
    pub fn note_signed(&mut self, name: &InstanceName, signed: &BTreeSet<String>) -> Result<(), LedgerError> {
        let Some(mut entry) = self.ledger().instances.get(name).cloned() else { return Ok(()) };
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
        let mut ends: Vec<_> = self.ledger().orders.values().filter_map(ended).collect();
        ends.sort();
        let surplus = ends.len().saturating_sub(ENDED_LIMIT);
        for (_, id) in ends.into_iter().take(surplus) {
            let path = {
                let ledger = self.ledger();
                ledger.orders.get(&id).map(|entry| ledger.order_path(entry))
            };
            if let Some(path) = path {
                file::remove(self.files.as_ref(), &path)?;
                drop(self.ledger().orders.remove(&id));
            }
        }
        Ok(())
    }

    pub(super) fn write_instance(&mut self, name: &InstanceName, entry: InstanceEntry) -> Result<(), LedgerError> {
        let path = self.ledger().instance_path(name);
        file::write(self.files.as_ref(), &path, &entry)?;
        let mut ledger = self.ledger();
        ledger.unreadable.retain(|unreadable| unreadable.order.is_some() || unreadable.instance.as_ref() != Some(name));
        ledger.insert_instance(name.clone(), entry);
        Ok(())
    }

    fn remove_instance(&mut self, name: &InstanceName) -> Result<(), LedgerError> {
        let path = self.ledger().instance_path(name);
        file::remove(self.files.as_ref(), &path)?;
        self.ledger().instances.remove(name);
        Ok(())
    }

    fn write_order(&mut self, entry: OrderEntry) -> Result<(), LedgerError> {
        let path = self.ledger().order_path(&entry);
        #[cfg(test)]
        self.freeze.pass(&path)?;
        file::write(self.files.as_ref(), &path, &entry)?;
        self.ledger().insert_order(entry);
        Ok(())
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
