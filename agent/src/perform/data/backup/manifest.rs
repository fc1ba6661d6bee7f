//! Content of a backup's manifest in one repository.

use super::{CopyError, Read, Taking};
use crate::clock;
use crate::perform::data::dumps::Dumped;
use crate::perform::data::trees::Tree;
use fleet_core::backup::{ArchiveNote, Cause, DataNote, EngineKind, Kept, Manifest, Part, UncoveredData, stream_path};
use fleet_core::names::{RepositoryName, StoreName};
use fleet_repository::ArchivedTrees;
use std::collections::BTreeMap;
use std::path::Path;

impl Taking<'_> {
    pub(super) fn manifest(&self, name: &RepositoryName, read: &Read, cause: Cause) -> Result<Manifest, CopyError> {
        let settled = self.settled;
        let mut uncovered = read.uncovered.clone();
        for store in &read.missing {
            if !uncovered.iter().any(|data| data.store() == Some(store)) {
                uncovered.push(UncoveredData::NothingFound { store: store.clone() });
            }
        }
        let images = settled.rendered.spec.containers.iter().map(|it| (it.service.clone(), it.image.clone()));
        Ok(Manifest {
            format: Manifest::FORMAT,
            backup: self.part.backup.clone(),
            instance: self.data.order.instance.clone(),
            host: self.part.host.clone(),
            release: settled.release.clone(),
            revision: settled.revision,
            cause,
            began: self.part.time,
            ended: clock::now(),
            values: settled.values.0.clone(),
            images: images.collect(),
            parts: self.parts(name, read)?,
            derivable: self.backup_plan.derivable.clone(),
            uncovered,
            beside: read.beside.clone(),
            side_files: read.side_files.iter().map(|(name, it)| (name.clone(), it.kept.clone())).collect(),
            holds: self.holds.clone(),
        })
    }

    fn parts(&self, name: &RepositoryName, read: &Read) -> Result<Vec<Part>, CopyError> {
        let lacking = |part| CopyError::Unconfirmed { repository: name.clone(), part };
        let mut parts = Vec::new();
        if !read.dumped.stores.is_empty() {
            let kept = read.dumped.kept.get(name).ok_or_else(|| lacking("dumps"))?;
            let all: u64 = kept.streams.iter().map(|stream| stream.bytes).sum();
            parts.extend(
                read.dumped
                    .stores
                    .iter()
                    .map(|(store, dumped)| self.stream_part(store, dumped, share(kept.added, dumped.bytes, all))),
            );
        }
        if !read.roots.of_store.is_empty() {
            let kept = read.trees.get(name).ok_or_else(|| lacking("files"))?;
            parts.extend(read.roots.of_store.keys().map(|store| self.files_part(store, read, kept)));
        }
        Ok(parts)
    }

    fn engine(&self, store: &StoreName) -> EngineKind {
        self.settled.rendered.stores[store].engine.kind()
    }

    fn stream_part(&self, store: &StoreName, dumped: &Dumped, added: u64) -> Part {
        Part {
            store: store.clone(),
            engine: self.engine(store),
            kept: Kept::Stream { path: stream_path(store), sha256: dumped.sha256.clone() },
            bytes: dumped.bytes,
            added,
            took_ms: dumped.took_ms,
            counts: dumped.counts.clone(),
            source: dumped.source.clone(),
            notes: dumped.notes.clone(),
        }
    }

    fn files_part(&self, store: &StoreName, read: &Read, kept: &ArchivedTrees) -> Part {
        let trees = &read.roots.of_store[store];
        let roots: Vec<_> = trees.iter().map(|tree| tree.root.clone()).collect();
        let is_below = |path: &str| {
            let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
            roots.iter().any(|root| below(&root.path))
        };
        let of_roots = roots.iter().filter_map(|root| kept.size_of(&root.path));
        let (files, bytes) = of_roots.fold((0, 0), |(files, bytes), root| (files + root.files, bytes + root.bytes));
        let sample = kept.hashes().filter(|(path, _)| is_below(path));
        let is_about = |note: &ArchiveNote, tree: &Tree| {
            note.path().map(Path::new).is_some_and(|path| {
                let in_snapshot = path.strip_prefix("/").unwrap_or(path);
                in_snapshot.starts_with(&tree.root.path) || tree.from.folder().is_some_and(|it| path.starts_with(it))
            })
        };
        let notes = kept.notes.iter().filter(|note| trees.iter().any(|tree| is_about(note, tree)));
        let not_quiesced = DataNote::not_quiesced(&self.settled.rendered.stores[store]);
        Part {
            store: store.clone(),
            engine: self.engine(store),
            kept: Kept::Files {
                files,
                sample: sample.map(|(path, hash)| (path.to_owned(), hash.to_owned())).collect(),
                roots: roots.clone(),
            },
            bytes,
            added: share(kept.added, bytes, kept.bytes),
            took_ms: read.trees_took_ms,
            counts: BTreeMap::new(),
            source: None,
            notes: notes.map(|note| DataNote::Archived { note: note.clone() }).chain(not_quiesced).collect(),
        }
    }
}

/// Returns a part's share of the bytes added by all parts, by its size: the repository reports only the sum.
fn share(added: u64, bytes: u64, of: u64) -> u64 {
    let share = u128::from(added) * u128::from(bytes) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}
