//! Changes that carrying out a request would make, as values. `fleet` turns them into words.

use crate::backup::{Manifest, Part, Rebuild, StoreGap, UncoveredData, has_side_files};
use crate::names::{BackupId, HostName, InstanceName, ReleaseName, RepositoryName, StoreName, Version};
use crate::not_asked::{NotAsked, NotAskedReason};
use crate::order_failure::OrderFailure;
use crate::reason::LeftOutReason;
use crate::rendering_failure::RenderingFailure;
use crate::spec::{FileChange, FileDiff, RecreateReason, ServiceDiff, SpecChange, SpecDiff};
use crate::time::Time;
use crate::units::Period;
use std::collections::{BTreeMap, BTreeSet};

/// Part of the plan of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedChange {
    // Another release or other values.
    /// A service is created.
    ServiceCreated(String),
    /// A service is recreated.
    ServiceRecreated {
        /// The service.
        service: String,
        /// Number of further reasons.
        more: usize,
        /// The first reasons.
        because: Vec<RecreateReason>,
    },
    /// A service is removed.
    ServiceRemoved(String),
    /// A volume is created.
    VolumeCreated(String),
    /// A volume is no longer used; it stays, with its data.
    VolumeUnused(String),
    /// A file is written that was not there.
    FileNew(String),
    /// A file is written with other content or permissions.
    FileChanged(String),
    /// A file is removed.
    FileRemoved(String),
    /// Changes by hand will be healed.
    DriftHealed,
    /// Changes by hand will be reported.
    DriftReported,
    /// The wanted values replace a newer revision at the host.
    ValuesReplaceNewer {
        /// Revision at the host.
        revision: u64,
    },
    /// The release or the values cannot be rendered, with the reason.
    NotRenderable(RenderingFailure),
    /// The data of these stores is copied before the new release starts, and comes back if that fails.
    DataCopied(Vec<StoreName>),
    /// The data stays as a newer version has left it, under an older one.
    DataOfNewer {
        /// The newer version.
        version: Version,
        /// Instance with the data.
        instance: InstanceName,
        /// Newest backup by the older version that can be restored, as far as it is known.
        backup: Option<BackupId>,
    },

    // Objections.
    /// The claims of another instance are not known here; the host itself compares.
    NotCompared {
        /// The other instance.
        instance: InstanceName,
        /// Its host.
        host: HostName,
    },
    /// The host has not said whether it would refuse the change.
    HostNotAsked {
        /// The host.
        host: HostName,
        /// Reason.
        reason: Box<NotAskedReason>,
    },
    /// The host objects; it decides itself whether that matters.
    HostObjects {
        /// The host.
        host: HostName,
        /// Failure with which it would refuse the order.
        failure: Box<OrderFailure>,
    },
    /// The host's policy was not compared, because the release of the instance was not rendered.
    PolicyNotCompared,

    // Power.
    /// The instance starts.
    Started,
    /// The instance stops.
    Stopped,
    /// The instance restarts.
    Restarted,

    // Removal.
    /// Containers and networks are removed.
    ContainersRemoved,
    /// A volume is deleted, with its data.
    VolumeDeleted(String),
    /// A volume stays.
    VolumeKept(String),

    // Backups and drills.
    /// The data of the instance is read, and stays as it is.
    DataRead(InstanceName),
    /// A store will not be in the backup.
    StoreNotCovered {
        /// The store.
        store: StoreName,
        /// Reason.
        reason: StoreGap,
    },
    /// A backup is restored into temporary containers, and checked.
    Drilled {
        /// The backup.
        backup: BackupId,
        /// Its repository.
        repository: RepositoryName,
    },
    /// Everything that was made for a drill is removed.
    DrillRemoved,

    // Restores.
    /// The backup is of an earlier instance of the same name.
    BackupOfEarlier(BackupId),
    /// The present data is not backed up before.
    NoSafetyBackup,
    /// The present data is backed up into repositories before.
    SafetyBackup(Vec<RepositoryName>),
    /// The instance returns to the release of the backup, with the values of then.
    ReleaseReturned {
        /// Version that it has.
        present: Version,
        /// Version that it will have.
        release: Version,
    },
    /// The data is replaced; the stores are not known here.
    DataReplaced {
        /// The backup.
        backup: BackupId,
        /// Begin of the backup.
        began: Time,
        /// Its repository.
        repository: RepositoryName,
    },
    /// A store is replaced.
    StoreReplaced {
        /// The store.
        store: StoreName,
        /// The backup.
        backup: BackupId,
        /// Begin of the backup.
        began: Time,
        /// Its repository.
        repository: RepositoryName,
    },
    /// A store stays, because it can be rebuilt.
    StoreRebuildable(StoreName),
    /// A store stays as it is.
    StoreKept(StoreName),
    /// Services are stopped meanwhile; everything is put back if the restore fails.
    ServicesStopped,
    /// Setuid and setgid bits and capabilities are cleared: the backup was made on another host, or on one that is not known.
    PrivilegesCleared {
        /// Host of the backup, if it is known.
        made_on: Option<HostName>,
    },
    /// Something outside the stores of a database server is replaced with the rest, and is in no backup.
    OtherDataReplaced(UncoveredData),
    /// Something outside the stores of a database server is in the way.
    OtherDataInTheWay(UncoveredData),
    /// The content of database servers outside the stores is not known here; the host asks them.
    OtherDataNotKnown,
    /// Files beside the dump of a store are restored with it.
    SideFiles {
        /// The store.
        store: StoreName,
        /// Number of all files.
        count: usize,
        /// The first names.
        names: Vec<String>,
    },
    /// The backup has no files beside the dump of a store: those of today stay.
    SideFilesKept(StoreName),
    /// The backup has no files beside the dump of a store: they will be the image's own.
    SideFilesMissing(StoreName),
    /// The files beside the dumps are not known here; the host reads them from the backup.
    SideFilesNotKnown,
    /// A store is rebuilt from the others by a command.
    Rebuilt {
        /// The store.
        store: StoreName,
        /// Service in which the command runs.
        service: String,
        /// The command in one line.
        command: String,
        /// Maximum duration.
        limit: Period,
    },
    /// The stores that are rebuilt afterwards are not known here.
    RebuildsNotKnown,
    /// A new instance is made from a backup.
    MadeFromBackup {
        /// Name of the new instance.
        instance: InstanceName,
        /// Its host.
        host: HostName,
        /// Its release.
        release: ReleaseName,
        /// The backup.
        backup: BackupId,
        /// Instance of the backup.
        of: InstanceName,
        /// Begin of the backup.
        began: Time,
        /// Repository of the backup.
        repository: RepositoryName,
    },
    /// Something is missing in the new instance, because it is not in the backup.
    NotInBackup(UncoveredData),

    // Undo.
    /// A value changes from the present one to the previous one.
    ValueChanged {
        /// Name of the value.
        value: String,
        /// Present text.
        present: String,
        /// Previous text.
        previous: String,
    },
    /// A value changes from its default to the previous one.
    ValueSet {
        /// Name of the value.
        value: String,
        /// Previous text.
        previous: String,
    },
    /// A value goes back to its default.
    ValueUnset {
        /// Name of the value.
        value: String,
        /// Present text.
        present: String,
    },
    /// A secret value goes back to the previous one.
    SecretPutBack {
        /// Name of the value.
        value: String,
    },
    /// The instance would be left out.
    LeftOut(Box<LeftOutReason>),

    // The request.
    /// The same request has begun this before.
    BegunBefore(InstanceName),
}

impl From<NotAsked> for PlannedChange {
    fn from(NotAsked { host, reason }: NotAsked) -> Self {
        Self::HostNotAsked { host, reason: Box::new(reason) }
    }
}

/// Destination of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreTo {
    /// The instance of the backup.
    InPlace,
    /// Another instance.
    NewInstance,
}

impl PlannedChange {
    /// Maximum number of listed reasons to recreate a service.
    const REASONS: usize = 64;
    /// Maximum number of bytes of the listed reasons; a message on the wire has at most 16 KiB of texts.
    const REASON_BYTES: usize = 12 * 1024;

    /// Returns the changes of a difference; nothing when nothing changes.
    pub fn of_diff(diff: &SpecDiff) -> Vec<Self> {
        let mut changes: Vec<Self> = diff.services.iter().filter_map(Self::of_service).collect();
        changes.extend(diff.new_volumes.iter().cloned().map(Self::VolumeCreated));
        changes.extend(diff.left_volumes.iter().cloned().map(Self::VolumeUnused));
        changes.extend(diff.files.iter().cloned().map(|FileDiff { path, change }| match change {
            FileChange::New => Self::FileNew(path),
            FileChange::Changed => Self::FileChanged(path),
            FileChange::Removed => Self::FileRemoved(path),
        }));
        changes
    }

    fn of_service(ServiceDiff { service, change }: &ServiceDiff) -> Option<Self> {
        match change {
            SpecChange::Created => Some(Self::ServiceCreated(service.clone())),
            SpecChange::Recreated { because } => Some(Self::recreated(service, because)),
            SpecChange::Removed => Some(Self::ServiceRemoved(service.clone())),
            SpecChange::Unchanged => None,
        }
    }

    fn recreated(service: &str, reasons: &[RecreateReason]) -> Self {
        let mut bytes = 0;
        let fits = |reason: &&RecreateReason| {
            bytes += serde_json::to_vec(reason).map_or(Self::REASON_BYTES, |kept| kept.len());
            bytes <= Self::REASON_BYTES
        };
        let because: Vec<_> = reasons.iter().take(Self::REASONS).take_while(fits).cloned().collect();
        Self::ServiceRecreated { service: service.to_owned(), more: reasons.len() - because.len(), because }
    }

    /// Returns the rebuilds after a restore.
    pub fn of_rebuilds(rebuilds: &BTreeMap<StoreName, Rebuild>) -> Vec<Self> {
        let change = |(store, rebuild): (&StoreName, &Rebuild)| Self::Rebuilt {
            store: store.clone(),
            service: rebuild.service.clone(),
            command: rebuild.line(),
            limit: rebuild.limit,
        };
        rebuilds.iter().map(change).collect()
    }

    /// Returns the treatment of files beside the dumps of databases in a restore of some stores; of none: of all.
    pub fn of_side_files(manifest: &Manifest, only: &BTreeSet<StoreName>, to: RestoreTo) -> Vec<Self> {
        let change = |part: &Part| {
            let store = part.store.clone();
            match (manifest.side_files.get(&store), to) {
                (Some(kept), _) if kept.files.is_empty() => None,
                (Some(kept), _) => Some(Self::SideFiles { store, count: kept.files.len(), names: kept.first_names() }),
                (None, _) if !has_side_files(part.engine) => None,
                (None, RestoreTo::InPlace) => Some(Self::SideFilesKept(store)),
                (None, RestoreTo::NewInstance) => Some(Self::SideFilesMissing(store)),
            }
        };
        let parts = manifest.parts.iter().filter(|part| only.is_empty() || only.contains(&part.store));
        parts.filter_map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_to_recreate_a_service_are_limited_and_the_rest_is_counted() {
        let variable =
            |number: usize, text: &str| RecreateReason::EnvironmentAdded(format!("V{number}"), text.to_owned());
        let listed = |reasons: Vec<RecreateReason>| match PlannedChange::recreated("web", &reasons) {
            PlannedChange::ServiceRecreated { more, because, .. } => {
                assert_eq!(reasons[..because.len()], because);
                (because.len(), more)
            }
            other => panic!("expected a recreated service, found {other:?}"),
        };
        assert_eq!(listed(vec![RecreateReason::Description]), (1, 0));
        assert_eq!(listed((0..100).map(|number| variable(number, "x")).collect()), (PlannedChange::REASONS, 36));
        let long = "x".repeat(RecreateReason::TEXT_LIMIT);
        let (count, more) = listed((0..100).map(|number| variable(number, &long)).collect());
        assert!((10..30).contains(&count) && count + more == 100, "{count} of 100");
    }
}
