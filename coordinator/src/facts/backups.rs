//! The catalog of backups: what the repositories hold, kept so as not to ask them.

use super::Known;
use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::backup::{BackupKey, BackupSeen, CopyMade, DrillMade, Made};
use fleet_core::names::InstanceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One record of the catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupKept {
    pub instance: InstanceName,
    pub key: BackupKey,
    pub seen: BackupSeen,
}

type Backups = BTreeMap<InstanceName, BTreeMap<BackupKey, BackupSeen>>;

pub(super) fn load(store: &dyn Store) -> Result<Backups, StoreError> {
    let mut backups = Backups::new();
    for entry in store.scan(keys::BACKUPS)? {
        let BackupKept { instance, key, seen } = entry.read()?;
        backups.entry(instance).or_default().insert(key, seen);
    }
    Ok(backups)
}

impl Known {
    /// Takes into the catalog what an order made. What failed is in its order's end, and in no catalog.
    pub(super) fn keep_made(&mut self, batch: &mut Batch, instance: &InstanceName, made: &Made) {
        match made {
            Made::Backup(copies) => copies.iter().for_each(|copy| self.keep_copy(batch, instance, copy)),
            Made::Restore(restore) => restore.safety.iter().for_each(|copy| self.keep_copy(batch, instance, copy)),
            Made::Drill(drill) => self.keep_proof(batch, instance, drill),
            Made::Forgotten(_) => {}
        }
    }

    fn keep_copy(&mut self, batch: &mut Batch, instance: &InstanceName, copy: &CopyMade) {
        let Ok(manifest) = &copy.result else { return };
        let key = BackupKey { repository: copy.repository.clone(), backup: manifest.backup.clone() };
        self.keep_backup(batch, instance, key, BackupSeen::of(manifest, None));
    }

    fn keep_proof(&mut self, batch: &mut Batch, instance: &InstanceName, drill: &DrillMade) {
        let key = BackupKey { repository: drill.repository.clone(), backup: drill.backup.clone() };
        let Some(seen) = self.observed.backups.get(instance).and_then(|backups| backups.get(&key)) else { return };
        let seen = BackupSeen { proof: Some(drill.proof.clone()), ..seen.clone() };
        self.keep_backup(batch, instance, key, seen);
    }

    fn keep_backup(&mut self, batch: &mut Batch, instance: &InstanceName, key: BackupKey, seen: BackupSeen) {
        let kept = BackupKept { instance: instance.clone(), key: key.clone(), seen: seen.clone() };
        batch.put(keys::backup(instance, &key), &kept);
        self.observed.backups.entry(instance.clone()).or_default().insert(key, seen);
    }
}
