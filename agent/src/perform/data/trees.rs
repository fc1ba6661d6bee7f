//! What of an instance is kept as files: volumes, what is mounted from the host, and buckets.

use super::copies::Copies;
use super::{DataError, DataWork, bucket};
use crate::repositories::{Label, Tree, TreeOrigin, TreesKept};
use fleet_core::backup::{Root, Store, root_path};
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::spec::InstanceSpec;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// The folders of each store, found before anything is read.
#[derive(Debug, Default)]
pub struct Roots {
    pub of_store: BTreeMap<StoreName, Vec<Tree>>,
}

/// Finds the folders of stores; a store of which there is nothing is named, with the reason.
pub async fn find(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
) -> Result<(Roots, BTreeMap<StoreName, String>), DataError> {
    let (mut roots, mut missing, mut seen) = (Roots::default(), BTreeMap::new(), BTreeSet::new());
    for (name, store) in stores {
        if store.bucket().is_some() {
            roots.of_store.insert((*name).clone(), vec![bucket::tree(data, spec, name, store).await?]);
            continue;
        }
        let found = data.roots(spec, name, store).await?;
        // Two stores may match one folder: it is kept once.
        let fresh: Vec<_> = found.into_iter().filter(|root| seen.insert(root.path.clone())).collect();
        if fresh.is_empty() {
            missing.insert((*name).clone(), "nothing of it is on this host".to_owned());
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
    label: &Label,
    roots: &Roots,
) -> BTreeMap<RepositoryName, TreesKept> {
    let trees: Vec<Tree> = roots.of_store.values().flatten().cloned().collect();
    if trees.is_empty() {
        return BTreeMap::new();
    }
    data.work.say("reading files");
    let told = data.told("reading files");
    let archiving = copies.open.iter().map(async |copy| {
        let kept = copy.repository.trees(label, &trees, &told).await;
        (copy.name.clone(), kept)
    });
    let mut all = BTreeMap::new();
    for (name, kept) in join_all(archiving).await {
        match kept {
            Ok(kept) => drop(all.insert(name, kept)),
            Err(error) => copies.lose(&name, &error.to_string()),
        }
    }
    all
}
