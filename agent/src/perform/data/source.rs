//! The backup that a drill or a restore begins with: found in its repository, with a manifest that can be trusted.

use super::dumps::BUNDLE;
use super::error::{BackupFault, HostFault, UnfitError};
use super::{DataError, DataWork};
use crate::repositories;
use fleet_core::activity::Activity;
use fleet_core::app::{AppDefinition, Bundle, CheckedValues, Placement, Rendered};
use fleet_core::backup::{BackupDoubt, BackupSource, Manifest, Privileges, Snapshots};
use fleet_core::names::BackupId;
use fleet_render::RenderError;
use fleet_repository::SetRecord;
use fleet_repository::client::RepositoryClient;
use futures_util::StreamExt;
use std::collections::BTreeMap;

/// A release's bundle is no larger.
const BUNDLE_LIMIT: usize = fleet_core::app::ENCODED_LIMIT;

/// A backup, and where it is.
pub struct Opened {
    pub repository: RepositoryClient,
    pub set: SetRecord,
    pub manifest: Manifest,
    /// Treatment of privileged bits, as ordered.
    pub privileges: Privileges,
}

/// Reason why a backup was not found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    #[error("there is no backup {backup}")]
    Missing { backup: BackupId },
    #[error("the snapshot that was recorded as the backup {backup} is gone, and others carry its id")]
    Replaced { backup: BackupId },
    #[error("{found} snapshots carry the id of the backup {backup}, and none is recorded as the right one")]
    Ambiguous { backup: BackupId, found: usize },
}

/// The set that is a backup: the one that was noted when it was made. Where none was noted, the only one that carries its id.
pub fn pick(sets: Vec<SetRecord>, backup: &BackupId, noted: Option<&Snapshots>) -> Result<SetRecord, PickError> {
    let mut of_it: Vec<SetRecord> = sets.into_iter().filter(|set| set.backup == *backup).collect();
    let (backup, found) = (backup.clone(), of_it.len());
    match noted {
        _ if found == 0 => Err(PickError::Missing { backup }),
        Some(noted) => {
            let set = of_it.into_iter().find(|set| set.set == noted.set);
            set.map(|set| set.made_of(noted)).ok_or(PickError::Replaced { backup })
        }
        None if found > 1 => Err(PickError::Ambiguous { backup, found }),
        None => of_it.pop().ok_or(PickError::Missing { backup }),
    }
}

/// Finds a backup. The order decides about its privileged bits, not its manifest, whose content depends on its writer.
pub async fn open(data: &DataWork<'_>, source: &BackupSource, privileges: Privileges) -> Result<Opened, DataError> {
    data.work.say(Activity::LookingForBackup(source.backup.clone(), source.repository.clone()));
    let repository = data.repository(&source.repository, &source.instance).await?;
    let sets = repositories::sets_of(&repository, &source.backup).await?;
    let name = || source.repository.clone();
    let set = pick(sets, &source.backup, source.snapshots.as_ref()).map_err(|error| match error {
        PickError::Ambiguous { backup, found } => {
            DataError::from(UnfitError::Doubtful(BackupDoubt::Ambiguous { repository: name(), backup, found }))
        }
        PickError::Replaced { backup } => {
            BackupFault::Doubtful(BackupDoubt::Replaced { repository: name(), backup }).into()
        }
        PickError::Missing { backup } => BackupFault::Missing { backup, repository: name() }.into(),
    })?;
    let manifest =
        set.read_manifest().map_err(|error| UnfitError::Manifest { backup: source.backup.clone(), error })?;
    if manifest.backup != source.backup || manifest.instance != source.instance {
        let (backup, instance) = (manifest.backup, manifest.instance);
        return Err(BackupFault::Doubtful(BackupDoubt::OtherManifest { backup, instance }).into());
    }
    Ok(Opened { repository, set, manifest, privileges })
}

impl Opened {
    /// The release that was backed up: from this host, from the backup itself, or from the coordinator.
    async fn bundle(&self, data: &DataWork<'_>) -> Result<Bundle, DataError> {
        let digest = &self.manifest.release.digest;
        if let Some(bundle) = data.context().bundles.kept(digest) {
            return Ok(bundle);
        }
        if let Some(bytes) = self.small(BUNDLE).await
            && let Ok(bundle) = Bundle::decode(&bytes)
            && bundle.digest() == *digest
        {
            return Ok(bundle);
        }
        let fetched = data.context().bundles.get(digest).await;
        Ok(fetched.map_err(HostFault::Release)?)
    }

    /// A stream that fits into memory; none where it cannot be had.
    pub async fn small(&self, path: &str) -> Option<Vec<u8>> {
        let mut stream = self.repository.read_stream_of(&self.set, path).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece.ok()?);
            if bytes.len() > BUNDLE_LIMIT {
                return None;
            }
        }
        Some(bytes)
    }

    /// Returns the rendering of the backed-up instance.
    pub async fn rendered(&self, data: &DataWork<'_>) -> Result<Rendered, DataError> {
        let manifest = &self.manifest;
        let is_what_runs = |settled: &&crate::ledger::Settled| {
            data.order.instance == manifest.instance
                && settled.release == manifest.release
                && settled.revision == manifest.revision
        };
        if let Some(settled) = data.open.from.as_ref().filter(is_what_runs) {
            return Ok(settled.rendered.clone());
        }
        let bundle = self.bundle(data).await?;
        let unfit = |problems| UnfitError::NotRendered { release: manifest.release.clone(), problems };
        let definition = AppDefinition::of(&bundle)
            .map_err(|problems| unfit(problems.0.iter().map(ToString::to_string).collect()))?;
        let values: &BTreeMap<String, String> = &manifest.values;
        let values = CheckedValues::of_instance(&definition.values, values)
            .map_err(|problems| unfit(problems.iter().map(ToString::to_string).collect()))?;
        let placement = Placement {
            instance: manifest.instance.clone(),
            host: data.context().host.clone(),
            version: manifest.release.name.version.clone(),
            working_dir: data.context().working_dir(&manifest.instance).display().to_string(),
        };
        data.context().renderer.render(&bundle, &values, &placement).await.map_err(|error| match error {
            RenderError::Refused(problems) => unfit(problems.0.iter().map(ToString::to_string).collect()).into(),
            RenderError::Busy | RenderError::Start(_) | RenderError::Talk(_) => HostFault::Render(error).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::names::SnapshotId;
    use fleet_core::time::Time;
    use fleet_repository::{Kind, PartRecord};

    #[test]
    fn a_backup_is_the_snapshots_that_were_noted_and_no_others() {
        let id: BackupId = "0123456789abcdef01234567".parse().expect("an id");
        let hex = |pair: &str| pair.repeat(32);
        let snapshot = |pair: &str| -> SnapshotId { hex(pair).parse().expect("64 digits") };
        let part = |kind, pair| {
            let (backup, host) = (id.clone(), "lab-1".to_owned());
            PartRecord { time: Time(1), backup, kind, snapshot: snapshot(pair), host }
        };
        let found = |set: &str| {
            let parts = vec![part(Kind::Dumps, "d1"), part(Kind::Dumps, "d9"), part(Kind::Files, "f9")];
            let (backup, host) = (id.clone(), "lab-1".to_owned());
            SetRecord { backup, time: Time(1), host, set: snapshot(set), parts, manifest: Vec::new() }
        };
        let noted = Snapshots { set: snapshot("a1"), dumps: Some(snapshot("d1")), files: None };
        let both = || vec![found("a1"), found("a2")];
        let it = pick(both(), &id, Some(&noted)).expect("it is there");
        // The parts, too: those that came later carry the same id.
        assert_eq!(it.snapshots(), noted);
        assert!(matches!(pick(vec![found("a2")], &id, Some(&noted)), Err(PickError::Replaced { .. })));
        assert!(matches!(pick(both(), &id, None), Err(PickError::Ambiguous { found: 2, .. })));
        assert!(matches!(pick(Vec::new(), &id, Some(&noted)), Err(PickError::Missing { .. })));
        assert_eq!(pick(vec![found("a2")], &id, None).map(|it| it.set), Ok(snapshot("a2")));
    }
}
