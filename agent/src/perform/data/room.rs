//! Checks that the host's disks have space for the restored data, each disk for its part.

use super::error::HostFault;
use super::{DataError, DataWork};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Factor on the backup's size for the required space: databases have indexes and journals.
const ROOM: u64 = 2;
/// Bytes that stay free on each disk in any case.
const RESERVE: u64 = 512 << 20;

/// Space that one store needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub bytes: u64,
    /// Destination folders; none means the Engine's folder for volumes. The distribution over them is unknown, so each
    /// disk is checked for the whole.
    pub paths: Vec<Option<PathBuf>>,
}

/// Data that goes onto one disk.
struct Load {
    path: Option<PathBuf>,
    free: u64,
    bytes: u64,
}

/// Refuses data for which a disk has no space, before anything is written.
pub async fn expect_room(data: &DataWork<'_>, wanted: &[Wanted]) -> Result<(), DataError> {
    let mut loads: BTreeMap<u64, Load> = BTreeMap::new();
    for Wanted { bytes, paths } in wanted {
        let mut seen = BTreeSet::new();
        for path in paths {
            let disk = data.context().runtime.disk_of(path.as_deref()).await?;
            let load = loads.entry(disk.id).or_insert(Load { path: path.clone(), free: disk.free, bytes: 0 });
            if seen.insert(disk.id) {
                load.bytes = load.bytes.saturating_add(*bytes);
            }
        }
    }
    match loads.into_values().find(|load| load.free < load.needed()) {
        Some(load) => Err(load.refusal().into()),
        None => Ok(()),
    }
}

impl Load {
    fn needed(&self) -> u64 {
        self.bytes.saturating_mul(ROOM).saturating_add(RESERVE)
    }

    fn refusal(&self) -> HostFault {
        let at = match &self.path {
            Some(path) => format!("where `{}` is", path.display()),
            None => "where the Engine keeps its volumes".to_owned(),
        };
        HostFault::NoRoom { at, needed: self.needed(), free: self.free }
    }
}
