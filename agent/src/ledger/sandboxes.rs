//! Throwaway doubles that a drill could not remove, apart from their instances: those may be changed or gone meanwhile.

use super::{Ledger, LedgerError, LedgerWriter, file};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is left of a throwaway double: removing it is tried again and again, until it is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftoverSandbox {
    /// The drill that made it.
    pub order: OrderId,
    pub instance: InstanceName,
    pub spec: Box<InstanceSpec>,
    /// What was still there when it was last looked at, as people name it.
    pub parts: Vec<String>,
    pub since: Time,
    /// When people were last told.
    pub said: Time,
}

impl Ledger {
    pub(super) fn read_doubles(&mut self) -> Result<(), LedgerError> {
        let folder = self.folder.join("doubles");
        // Whoever only looks makes no folders.
        if !folder.exists() {
            return Ok(());
        }
        for (_, path) in file::list(&folder)? {
            match file::read::<LeftoverSandbox>(&path) {
                Ok(sandbox) => drop(self.sandboxes.insert(sandbox.order.clone(), sandbox)),
                // It is in nobody's way: neither an instance nor an order waits for it.
                Err(reason) => self.cannot_read(&path, None, None, &reason),
            }
        }
        Ok(())
    }

    pub fn sandboxes(&self) -> &BTreeMap<OrderId, LeftoverSandbox> {
        &self.sandboxes
    }

    fn double_path(&self, order: &OrderId) -> PathBuf {
        self.folder.join("doubles").join(format!("{order}.json"))
    }
}

impl LedgerWriter {
    /// Keeps what is left of a double, or what is known of it now.
    pub fn keep_double(&mut self, sandbox: LeftoverSandbox) -> Result<(), LedgerError> {
        let path = self.ledger().double_path(&sandbox.order);
        file::write(self.files.as_ref(), &path, &sandbox)?;
        self.ledger().sandboxes.insert(sandbox.order.clone(), sandbox);
        Ok(())
    }

    /// Notes that nothing of a double is left.
    pub fn double_is_gone(&mut self, order: &OrderId) -> Result<(), LedgerError> {
        let path = self.ledger().double_path(order);
        let is_known = self.ledger().sandboxes.contains_key(order);
        if is_known {
            file::remove(self.files.as_ref(), &path)?;
            self.ledger().sandboxes.remove(order);
        }
        Ok(())
    }
}
