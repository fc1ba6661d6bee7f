//! Sandboxes that a drill could not remove, stored apart from their instances, which may be changed or removed
//! meanwhile.

use super::{Ledger, LedgerError, LedgerWriter, file};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::sandbox_part::SandboxPart;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Remains of a drill's sandbox. The agent keeps trying to remove them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftoverSandbox {
    /// The drill that made it.
    pub order: OrderId,
    /// Instance whose backup was drilled.
    pub instance: InstanceName,
    /// Spec of the sandbox.
    pub spec: Box<InstanceSpec>,
    /// Parts that still existed at the last check, by name.
    pub parts: Vec<SandboxPart>,
    /// Time of the first failed removal.
    pub since: Time,
    /// Time of the last event about it.
    pub said: Time,
}

impl Ledger {
    pub(super) fn read_doubles(&mut self) -> Result<(), LedgerError> {
        let folder = self.folder.join("doubles");
        // A read-only caller makes no folders.
        if !folder.exists() {
            return Ok(());
        }
        for (_, path) in file::list(&folder)? {
            match file::read::<LeftoverSandbox>(&path) {
                Ok(sandbox) => drop(self.sandboxes.insert(sandbox.order.clone(), sandbox)),
                // It blocks nothing: neither an instance nor an order waits for it.
                Err(error) => self.cannot_read(path, None, None, error),
            }
        }
        Ok(())
    }

    /// Returns the remains of sandboxes, by order.
    pub fn sandboxes(&self) -> &BTreeMap<OrderId, LeftoverSandbox> {
        &self.sandboxes
    }

    fn double_path(&self, order: &OrderId) -> PathBuf {
        self.folder.join("doubles").join(format!("{order}.json"))
    }
}

impl LedgerWriter {
    /// Records the present remains of a sandbox.
    pub fn keep_double(&mut self, sandbox: LeftoverSandbox) -> Result<(), LedgerError> {
        let path = self.ledger().double_path(&sandbox.order);
        file::write(self.files.as_ref(), &path, &sandbox)?;
        self.ledger().sandboxes.insert(sandbox.order.clone(), sandbox);
        Ok(())
    }

    /// Records that nothing of a sandbox is left.
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
