//! Record of everything that this agent has done and is doing, on disk before it happens.
//!
//! **Invariant:** an order ends exactly with the rename of its file that contains `ended`. The same file holds the
//! resulting change of the instance, which is written to the instance's own entry afterwards, or after a crash.
//!
//! **Invariant:** memory changes after the disk has the change, and nothing acts before: who writes waits for the write. Readers
//! wait for no disk. Writes happen one at a time, in the order in which they were asked for, on a thread that may block.

#[cfg(test)]
mod earlier;
mod entry;
mod file;
#[cfg(test)]
mod freeze;
mod handle;
mod host;
mod journal;
mod leftovers;
mod sandboxes;
#[cfg(test)]
mod tests;
mod values_in_use;
mod writer;

pub use entry::{
    Direction, InstanceEntry, LedgerUpdate, OpenState, OrderEntry, OrderState, Settled, StuckMark, Unreadable, Values,
};
pub use file::{DiskFiles, EntryError, LedgerFiles};
pub use handle::LedgerHandle;
pub use journal::{Aside, DataSwap, Held, Journal, RestorePhase, UpgradeCursor};
pub use leftovers::{LeftFolder, Leftover};
pub use sandboxes::LeftoverSandbox;
pub use values_in_use::{InstanceValues, ValuesInUse};
pub use writer::LedgerWriter;

use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file could not be written.
    #[error("could not write the ledger at `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("could not read the ledger at `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// Another agent uses the ledger.
    #[error("another fleet-agent is running on `{path}`")]
    Locked {
        /// Folder of the ledger.
        path: PathBuf,
    },
}

/// Instances, orders, and remains of drills and restores, in memory as on disk.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    instances: BTreeMap<InstanceName, InstanceEntry>,
    orders: BTreeMap<OrderId, OrderEntry>,
    sandboxes: BTreeMap<OrderId, LeftoverSandbox>,
    leftovers: BTreeMap<OrderId, Leftover>,
    unreadable: Vec<Unreadable>,
    values_in_use: ValuesInUse,
}

impl Ledger {
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
            values_in_use: ValuesInUse::default(),
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
                (name, Err(error)) => self.cannot_read(path, name.ok(), None, error),
                (Err(error), Ok(InstanceEntry { .. })) => self.cannot_read(path, None, None, error.into()),
            }
        }
        Ok(())
    }

    fn read_orders(&mut self) -> Result<(), LedgerError> {
        for (stem, path) in file::list(&self.folder.join("orders"))? {
            match file::read::<OrderEntry>(&path) {
                Ok(entry) => self.insert_order(entry),
                Err(error) => {
                    let (instance, id) = stem.split_once('.').unwrap_or((&stem, ""));
                    self.cannot_read(path, instance.parse().ok(), id.parse().ok(), error);
                }
            }
        }
        Ok(())
    }

    fn cannot_read(
        &mut self,
        path: PathBuf,
        instance: Option<InstanceName>,
        order: Option<OrderId>,
        error: EntryError,
    ) {
        self.unreadable.push(Unreadable { instance, order, path, error });
    }

    /// Returns all instances of this host.
    pub fn instances(&self) -> &BTreeMap<InstanceName, InstanceEntry> {
        &self.instances
    }

    /// Returns the settled state of an instance, if it has one.
    pub fn settled(&self, name: &InstanceName) -> Option<&Settled> {
        self.instances.get(name)?.settled.as_ref()
    }

    /// Values that instances have or had, to keep their secrets out of texts.
    pub fn values_in_use(&self) -> &ValuesInUse {
        &self.values_in_use
    }

    /// Returns all orders that are still recorded.
    pub fn orders(&self) -> &BTreeMap<OrderId, OrderEntry> {
        &self.orders
    }

    /// Returns the end of an order, if it has ended.
    pub fn end_of(&self, id: &OrderId) -> Option<End> {
        match &self.orders.get(id)?.state {
            OrderState::Ended { outcome, made, .. } => Some(End { outcome: outcome.clone(), made: made.clone() }),
            OrderState::Open(_) => None,
        }
    }

    /// Returns the files of the ledger that could not be parsed.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    fn insert_instance(&mut self, name: InstanceName, entry: InstanceEntry) {
        entry.settled.iter().for_each(|settled| self.values_in_use.note_settled(&name, settled));
        self.instances.insert(name, entry);
    }

    fn insert_order(&mut self, entry: OrderEntry) {
        self.values_in_use.note_order(&entry);
        self.orders.insert(entry.order.id.clone(), entry);
    }

    fn instance_path(&self, name: &InstanceName) -> PathBuf {
        self.folder.join("instances").join(format!("{name}.json"))
    }

    fn order_path(&self, entry: &OrderEntry) -> PathBuf {
        self.folder.join("orders").join(format!("{}.{}.json", entry.order.instance, entry.order.id))
    }
}
