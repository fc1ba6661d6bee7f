//! Data of an instance that is kept as files: volumes, host mounts, and buckets.

use super::copies::Copies;
use super::{DataError, DataWork, bucket};
use crate::perform::failure::of_repository;
use crate::repositories::s3_address;
use fleet_core::activity::Activity;
use fleet_core::backup::{Bucket, Root, Store, root_path};
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::spec::InstanceSpec;
use fleet_repository::{ArchivedTrees, BucketTree, Part, Trees};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Number of files of a backup that are hashed, for drills.
const SAMPLE: usize = 100;

/// A folder on this host or a bucket, and its path in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub from: TreeOrigin,
    pub root: Root,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeOrigin {
    Folder(PathBuf),
    /// Its endpoint is one that this host reaches.
    Bucket(Bucket),
}

impl TreeOrigin {
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }
}

/// The folders of each store, found before anything is read.
#[derive(Debug, Default)]
pub struct Roots {
    pub of_store: BTreeMap<StoreName, Vec<Tree>>,
}

/// Finds the folders of stores, and the stores of which there is nothing.
pub async fn find(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
) -> Result<(Roots, BTreeSet<StoreName>), DataError> {
    let (mut roots, mut missing, mut seen) = (Roots::default(), BTreeSet::new(), BTreeSet::new());
    for (name, store) in stores {
        if store.bucket().is_some() {
            roots.of_store.insert((*name).clone(), vec![bucket::tree(data, spec, name, store).await?]);
            continue;
        }
        let found = data.roots(spec, name, store).await?;
        // Two stores may match one folder: it is kept once.
        let fresh: Vec<_> = found.into_iter().filter(|root| seen.insert(root.path.clone())).collect();
        if fresh.is_empty() {
            missing.insert((*name).clone());
            continue;
        }
        let trees = fresh.into_iter().enumerate().map(|(number, root)| Tree {
            from: TreeOrigin::Folder(root.path),
            root: Root { from: root.from, path: root_path(name, number) },
        });
        roots.of_store.insert((*name).clone(), trees.collect());
    }
    Ok((roots, missing))
}

/// Reads all folders into all copies, side by side. Copies that fail are lost.
pub async fn archive(
    data: &DataWork<'_>,
    copies: &mut Copies,
    part: &Part,
    roots: &Roots,
) -> BTreeMap<RepositoryName, ArchivedTrees> {
    let asked = asked(roots.of_store.values().flatten());
    if asked.trees.is_empty() && asked.buckets.is_empty() {
        return BTreeMap::new();
    }
    // Any number will do, if it is another each time: over time all files are looked at.
    let asked = Trees { sample: SAMPLE, seed: part.time.0, ..asked };
    data.work.say(Activity::ReadingFiles);
    let sink = data.progress_sink(&Activity::ReadingFiles);
    let archiving = copies.open.iter().map(async |copy| {
        let kept = copy.repository.archive_trees(part, asked.clone(), &sink).await;
        (copy.name.clone(), kept)
    });
    let mut all = BTreeMap::new();
    for (name, kept) in join_all(archiving).await {
        match kept {
            Ok(kept) => drop(all.insert(name, kept)),
            Err(error) => copies.lose(&name, of_repository(&error)),
        }
    }
    all
}

/// Returns the request to archive these trees.
fn asked<'a>(all: impl Iterator<Item = &'a Tree>) -> Trees {
    let mut asked = Trees::default();
    for Tree { from, root } in all {
        let path = root.path.clone();
        match from {
            TreeOrigin::Folder(disk) => asked.trees.push(fleet_repository::Tree { disk: disk.clone(), path }),
            TreeOrigin::Bucket(bucket) => asked.buckets.push(BucketTree { bucket: s3_address(bucket), path }),
        }
    }
    asked
}
