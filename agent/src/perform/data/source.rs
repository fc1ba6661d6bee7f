//! The backup that a drill or a restore begins with: found in its repository, with a manifest that can be trusted.

use super::dumps::BUNDLE;
use super::{DataError, DataWork};
use crate::repositories::{Repository, SetFound};
use fleet_core::app::{AppDefinition, Bundle, CheckedValues, Placement, Rendered};
use fleet_core::backup::{Manifest, Source};
use fleet_render::RenderError;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A release's bundle is no larger.
const BUNDLE_LIMIT: usize = fleet_core::app::ENCODED_LIMIT;

/// A backup, and where it is.
pub struct Opened {
    pub repository: Arc<dyn Repository>,
    pub set: SetFound,
    pub manifest: Manifest,
}

/// Finds a backup.
pub async fn open(data: &DataWork<'_>, source: &Source) -> Result<Opened, DataError> {
    data.work.say(format!("looking for the backup {} in {}", source.backup, source.repository));
    let access = data.access(&source.repository, &source.instance)?;
    let repository = data.site().repositories.open(access, data.open.limit_rate);
    let sets = repository.sets().await?;
    let mut of_it = sets.into_iter().filter(|set| set.backup == source.backup);
    let missing = || DataError::BadBackup(format!("the backup {} is not in {}", source.backup, source.repository));
    let set = of_it.next_back().ok_or_else(missing)?;
    let manifest =
        set.manifest().map_err(|reason| DataError::Unfit(format!("the backup {}: {reason}", source.backup)))?;
    if manifest.backup != source.backup || manifest.instance != source.instance {
        let (backup, instance) = (&manifest.backup, &manifest.instance);
        return Err(DataError::BadBackup(format!("its manifest is of the backup {backup} of {instance}")));
    }
    Ok(Opened { repository, set, manifest })
}

impl Opened {
    /// The release that was backed up: from this host, from the backup itself, or from the coordinator.
    async fn bundle(&self, data: &DataWork<'_>) -> Result<Bundle, DataError> {
        let digest = &self.manifest.release.digest;
        if let Some(bundle) = data.site().bundles.kept(digest) {
            return Ok(bundle);
        }
        if let Some(bytes) = self.small(BUNDLE).await
            && let Ok(bundle) = Bundle::decode(&bytes)
            && bundle.digest() == *digest
        {
            return Ok(bundle);
        }
        let fetched = data.site().bundles.get(digest).await;
        fetched.map_err(|error| DataError::Failed(format!("the release that was backed up: {}", crate::chain(&error))))
    }

    /// A stream that fits into memory; none where it cannot be had.
    async fn small(&self, path: &str) -> Option<Vec<u8>> {
        let mut stream = self.repository.read(&self.set, path).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece.ok()?);
            if bytes.len() > BUNDLE_LIMIT {
                return None;
            }
        }
        Some(bytes)
    }

    /// What was backed up, as it was rendered.
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
        let unfit = |texts: Vec<String>| DataError::Unfit(format!("{}: {}", manifest.release, texts.join("; ")));
        let definition = AppDefinition::of(&bundle)
            .map_err(|problems| unfit(problems.0.iter().map(ToString::to_string).collect()))?;
        let values: &BTreeMap<String, String> = &manifest.values;
        let values = CheckedValues::of_instance(&definition.values, values)
            .map_err(|problems| unfit(problems.iter().map(ToString::to_string).collect()))?;
        let placement = Placement {
            instance: manifest.instance.clone(),
            host: data.site().host.clone(),
            version: manifest.release.name.version.clone(),
            working_dir: data.site().working_dir(&manifest.instance).display().to_string(),
        };
        data.site().renderer.render(&bundle, &values, &placement).await.map_err(|error| match error {
            RenderError::Refused(problems) => unfit(problems.0.iter().map(ToString::to_string).collect()),
            RenderError::Busy | RenderError::Start(_) | RenderError::Talk(_) => DataError::Failed(crate::chain(&error)),
        })
    }
}
