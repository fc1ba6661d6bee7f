//! Data of before a restore or an upgrade that could not be removed after it, apart from its instance: that may be changed or gone meanwhile.

use super::{Aside, Ledger, LedgerError, LedgerWriter, file};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Remains of one restore or upgrade. The agent keeps trying to remove them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// The order that moved or copied it.
    pub order: OrderId,
    /// Instance of the order.
    pub instance: InstanceName,
    /// Folders that could not be removed.
    pub folders: Vec<LeftFolder>,
    /// Time of the first failed removal.
    pub since: Time,
    /// Time of the last event about it.
    pub said: Time,
}

/// One folder, with the reason of the last failed removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftFolder {
    /// The folder with its old content.
    pub aside: Aside,
    /// Words of the operating system; none if its removal took too long.
    pub reason: Option<String>,
}

impl Ledger {
    pub(super) fn read_leftovers(&mut self) -> Result<(), LedgerError> {
        let folder = self.folder.join("leftovers");
        // A read-only caller makes no folders.
        if !folder.exists() {
            return Ok(());
        }
        for (_, path) in file::list(&folder)? {
            match file::read::<Leftover>(&path) {
                Ok(left) => drop(self.leftovers.insert(left.order.clone(), left)),
                // It blocks nothing: neither an instance nor an order waits for it.
                Err(error) => self.cannot_read(path, None, None, error),
            }
        }
        Ok(())
    }

    /// Returns the remains of restores and upgrades, by order.
    pub fn leftovers(&self) -> &BTreeMap<OrderId, Leftover> {
        &self.leftovers
    }

    fn leftover_path(&self, order: &OrderId) -> PathBuf {
        self.folder.join("leftovers").join(format!("{order}.json"))
    }
}

impl LedgerWriter {
    /// Records the present remains of an order. Removes the record if nothing remains.
    pub fn keep_leftover(&mut self, left: Leftover) -> Result<(), LedgerError> {
        let path = self.ledger().leftover_path(&left.order);
        if left.folders.is_empty() {
            let is_known = self.ledger().leftovers.contains_key(&left.order);
            if is_known {
                file::remove(self.files.as_ref(), &path)?;
                self.ledger().leftovers.remove(&left.order);
            }
            return Ok(());
        }
        file::write(self.files.as_ref(), &path, &left)?;
        self.ledger().leftovers.insert(left.order.clone(), left);
        Ok(())
    }
}
