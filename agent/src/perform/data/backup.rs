//! Takes one backup: what must stand still stands still, streams are read, then files, and the manifest is written last.
//!
//! **Invariant:** whatever fails, what stands still goes on before anything else is done.

use super::copies::{Copies, Copy, There};
use super::dumps::{self, AllDumped, Dumped, Early};
use super::holds;
use super::others;
use super::side_files::{self, Gathered};
use super::trees::{self, Roots};
use super::{Came, DataError, DataWork};
use crate::clock;
use crate::ledger::Settled;
use crate::perform::allow::{Forbidden, stores_refused};
use crate::perform::claims::expect_unshared;
use crate::perform::prepare::{PrepareError, refuse_without_data};
use crate::repositories::{Label, SetFound, Tree, TreesKept};
use fleet_core::app::Rendered;
use fleet_core::backup::{
    Cause, CopyMade, Course, Coverage, EngineKind, Hold, Kept, Made, Manifest, Part, Phase, Store, course, coverage,
    side_path, stream_path, uncovered, uncovered_side_files,
};
use fleet_core::claims::ClaimKind;
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::order::Outcome;
use fleet_core::units::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A backup as an order of its own.
pub async fn back_up(data: &DataWork<'_>, to: &BTreeSet<RepositoryName>, cause: Cause) -> Result<Came, DataError> {
    let Some(settled) = &data.open.from else { return Err(DataError::Unfit("there is no such instance".to_owned())) };
    let Taken { copies, refused } = take(data, settled, to, cause).await?;
    Ok(Came { outcome: outcome(&copies, &refused), made: Some(Made::Backup(copies)), becomes: None })
}

/// What a backup came to.
pub struct Taken {
    pub copies: Vec<CopyMade>,
    /// The stores that are in none of them, because the host's people let nobody read them, each with the reason.
    pub refused: BTreeMap<StoreName, String>,
}

/// A backup that lacks a store has failed, also where its copies are good: what they hold is there, and can be restored.
fn outcome(copies: &[CopyMade], refused: &BTreeMap<StoreName, String>) -> Outcome {
    let failed = copies.iter().filter_map(|copy| Some((&copy.repository, copy.result.as_ref().err()?)));
    let lacking = refused.iter().map(|(name, reason)| format!("it does not have the store `{name}`: {reason}"));
    let reasons: Vec<_> = failed.map(|(name, reason)| format!("{name}: {reason}")).chain(lacking).collect();
    if reasons.is_empty() { Outcome::Done } else { Outcome::Failed { reason: reasons.join("; ") } }
}

/// Takes a backup of what is there into each repository. Each copy comes to an end of its own.
pub async fn take(
    data: &DataWork<'_>,
    settled: &Settled,
    to: &BTreeSet<RepositoryName>,
    cause: Cause,
) -> Result<Taken, DataError> {
    let spec = &settled.rendered.spec;
    let shared = expect_unshared(&data.site().ledger(), spec, &[ClaimKind::Project]);
    shared.map_err(PrepareError::from)?;
    let mounted = data.site().hands.mounted(spec).await?;
    let refused = stores_refused(data.site(), &settled.rendered, &mounted).await;
    let course = course_of(settled, &refused)?;
    refuse_without_data(data.site(), settled).await?;
    let mut copies = Copies::open(data, to, &data.backup_id()).await;
    if copies.open.is_empty() {
        return Ok(Taken { copies: copies.ended, refused });
    }
    let mut taking =
        Taking { data, settled, course: &course, refused, label: dumps::label(data), holds: Vec::new(), since: None };
    let read = taking.read(&mut copies).await;
    // Also after a failure, and before anything else.
    taking.release(|_| true).await?;
    match read {
        Ok(mut read) => {
            let streams = taking.stores(&course.streams);
            let early = std::mem::take(&mut read.early);
            dumps::settle_early(data, spec, &streams, early, &mut read.dumped).await;
            taking.write(&mut copies, &read, cause).await;
        }
        Err(error) => copies.abandon(&crate::chain(&error)),
    }
    Ok(Taken { copies: copies.ended, refused: taking.refused })
}

/// What is read and in which order: all stores that the host's people let anybody read. The others are not covered, and named.
fn course_of(settled: &Settled, refused: &BTreeMap<StoreName, String>) -> Result<Course, DataError> {
    let Rendered { spec, stores, .. } = &settled.rendered;
    let is_read = |(name, _): &(&StoreName, &Store)| !refused.contains_key(*name);
    let read = stores.iter().filter(is_read).map(|(name, store)| (name.clone(), store.clone())).collect();
    let course = course(&read, spec).map_err(DataError::Unfit)?;
    if !course.streams.is_empty() || !course.files.is_empty() {
        return Ok(course);
    }
    if refused.is_empty() {
        return Err(DataError::Unfit("its app declares no store that can be backed up".to_owned()));
    }
    let reasons: Vec<String> = refused.iter().map(|(name, reason)| format!("the store `{name}`: {reason}")).collect();
    Err(Forbidden::ByPolicy(reasons.join("; ")).into())
}

struct Taking<'a> {
    data: &'a DataWork<'a>,
    settled: &'a Settled,
    course: &'a Course,
    /// Stores that the host's people let nobody read, each with the reason.
    refused: BTreeMap<StoreName, String>,
    label: Label,
    holds: Vec<Hold>,
    /// Since when something stands still, or did.
    since: Option<Instant>,
}

/// All that was read, with what it is in each copy.
struct Read {
    roots: Roots,
    dumped: AllDumped,
    /// What was said of stores before their services stood still.
    early: Early,
    trees: BTreeMap<RepositoryName, TreesKept>,
    trees_took_ms: u64,
    missing: BTreeMap<StoreName, String>,
    uncovered: Vec<String>,
    beside: Vec<String>,
    side_files: BTreeMap<StoreName, Gathered>,
}

impl Taking<'_> {
    fn stores<'b>(&'b self, names: &'b [StoreName]) -> Vec<(&'b StoreName, &'b Store)> {
        names.iter().filter_map(|name| self.settled.rendered.stores.get_key_value(name)).collect()
    }

    async fn read(&mut self, copies: &mut Copies) -> Result<Read, DataError> {
        let (data, spec) = (self.data, &self.settled.rendered.spec);
        let (roots, missing) = trees::find(data, spec, &self.stores(&self.course.files)).await?;
        let mut uncovered = uncovered(&self.coverage().await?);
        let streams = self.stores(&self.course.streams);
        let beside = others::beside_stores(data, &self.settled.rendered, &streams).await;
        // Accounts cannot be declared: that they are beside is noted, and a restore says so.
        let databases = beside.iter().filter(|what| what.starts_with("database "));
        uncovered.extend(databases.map(|what| format!("{what}: no store declares it")));
        let bundle = data.site().bundles.kept(&self.settled.release.digest).map(|bundle| bundle.encode());
        let side_files = side_files::gather_all(data, spec, &streams).await;
        uncovered.extend(side_files.iter().flat_map(|(name, found)| uncovered_side_files(name, &found.kept)));
        let mut configuration = dumps::configuration(spec, bundle);
        configuration.extend(side_files.iter().filter_map(|(name, it)| Some((side_path(name), it.archive()?))));
        let early = dumps::ask_early(data, spec, &streams, &self.course.stills).await;
        self.hold(Phase::Streams).await?;
        let label = self.label.clone();
        let dumping = {
            let stores = self.stores(&self.course.streams);
            let dumping = dumps::dump_all(data, copies, &label, spec, &stores, configuration, &early);
            self.in_time(dumping).await
        };
        let needed =
            |service: &str| self.course.stills.iter().any(|it| it.service == service && it.until == Phase::Files);
        let keeps: Vec<String> =
            self.course.stills.iter().map(|it| it.service.clone()).filter(|it| needed(it)).collect();
        self.release(|service| !keeps.iter().any(|kept| kept == service)).await?;
        let dumped = dumping?;
        self.hold(Phase::Files).await?;
        let began = tokio::time::Instant::now();
        let trees = self.in_time(async { Ok(trees::archive(data, copies, &label, &roots).await) }).await?;
        let trees_took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Read { roots, dumped, early, trees, trees_took_ms, missing, uncovered, beside, side_files })
    }

    async fn hold(&mut self, phase: Phase) -> Result<(), DataError> {
        let began = Instant::now();
        holds::hold(self.data, &self.settled.rendered.spec, &self.course.stills, phase).await?;
        if !self.data.journal().held.is_empty() {
            self.since.get_or_insert(began);
        }
        Ok(())
    }

    /// Gives up when what stands still has stood still for long enough, all phases together.
    async fn in_time<T>(&self, reading: impl Future<Output = Result<T, DataError>>) -> Result<T, DataError> {
        if self.data.journal().held.is_empty() {
            return reading.await;
        }
        let longest = holds::longest(self.data.order);
        let late = || {
            DataError::Failed(format!(
                "services stood still for {}, which is the longest they may",
                Period::from(longest)
            ))
        };
        let left = longest.saturating_sub(self.since.map_or(Duration::ZERO, |since| since.elapsed()));
        timeout(left, reading).await.unwrap_or_else(|_| Err(late()))
    }

    async fn coverage(&self) -> Result<Coverage, DataError> {
        let rendered = &self.settled.rendered;
        let mounted = self.data.site().hands.mounted(&rendered.spec).await?;
        Ok(coverage(&rendered.stores, &rendered.spec, &mounted, &self.refused))
    }

    async fn release(&mut self, is_over: impl Fn(&str) -> bool) -> Result<(), DataError> {
        let spec = &self.settled.rendered.spec;
        self.holds.extend(holds::release(self.data, spec, |held| is_over(&held.service)).await?);
        Ok(())
    }

    /// Writes the manifest of each copy, and sees that it is there.
    async fn write(&self, copies: &mut Copies, read: &Read, cause: Cause) {
        self.data.work.say("writing the manifest");
        let open: Vec<(RepositoryName, Result<There, String>)> = {
            let writing = copies.open.iter().map(async |copy| {
                let written = self.write_copy(copy, read, cause).await;
                (copy.name.clone(), written)
            });
            futures_util::future::join_all(writing).await
        };
        for (name, written) in open {
            match written {
                Ok(there) => copies.done(&name, there),
                Err(reason) => copies.lose(&name, &reason),
            }
        }
    }

    async fn write_copy(&self, copy: &Copy, read: &Read, cause: Cause) -> Result<There, String> {
        let manifest = self.manifest(&copy.name, read, cause)?;
        let written = copy.repository.write_set(&self.label, &manifest).await.map_err(|error| error.to_string())?;
        let sets = copy.repository.set(&self.label.backup).await;
        let sets = sets.map_err(|error| format!("it could not be read back: {error}"))?;
        let is_it = |set: &&SetFound| set.set == written && set.manifest().as_ref() == Ok(&manifest);
        match sets.iter().find(is_it) {
            Some(set) => Ok(There { snapshots: set.snapshots(), manifest }),
            None => Err(format!("the repository `{}` does not show what was written", copy.name)),
        }
    }

    fn manifest(&self, name: &RepositoryName, read: &Read, cause: Cause) -> Result<Manifest, String> {
        let settled = self.settled;
        let mut uncovered = read.uncovered.clone();
        let known =
            |uncovered: &[String], store: &StoreName| uncovered.iter().any(|it| it.starts_with(&format!("{store}: ")));
        for (store, reason) in &read.missing {
            if !known(&uncovered, store) {
                uncovered.push(format!("{store}: {reason}"));
            }
        }
        let images = settled.rendered.spec.containers.iter().map(|it| (it.service.clone(), it.image.clone()));
        Ok(Manifest {
            format: Manifest::FORMAT,
            backup: self.label.backup.clone(),
            instance: self.data.order.instance.clone(),
            host: self.label.host.clone(),
            release: settled.release.clone(),
            revision: settled.revision,
            cause,
            began: self.label.at,
            ended: clock::now(),
            values: settled.values.0.clone(),
            images: images.collect(),
            parts: self.parts(name, read)?,
            derivable: self.course.derivable.clone(),
            uncovered,
            beside: read.beside.clone(),
            side_files: read.side_files.iter().map(|(name, it)| (name.clone(), it.kept.clone())).collect(),
            holds: self.holds.clone(),
        })
    }

    fn parts(&self, name: &RepositoryName, read: &Read) -> Result<Vec<Part>, String> {
        let lacking = |what: &str| format!("the repository `{name}` did not say what it kept of the {what}");
        let mut parts = Vec::new();
        if !read.dumped.stores.is_empty() {
            let kept = read.dumped.kept.get(name).ok_or_else(|| lacking("dumps"))?;
            let all: u64 = kept.streams.values().map(|stream| stream.bytes).sum();
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

    fn files_part(&self, store: &StoreName, read: &Read, kept: &TreesKept) -> Part {
        let trees = &read.roots.of_store[store];
        let roots: Vec<_> = trees.iter().map(|tree| tree.root.clone()).collect();
        let is_below = |path: &str| {
            let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
            roots.iter().any(|root| below(&root.path))
        };
        let of_roots = roots.iter().filter_map(|root| kept.by_root.get(&root.path));
        let (files, bytes) = of_roots.fold((0, 0), |(files, bytes), root| (files + root.files, bytes + root.bytes));
        let sample = kept.sample.iter().filter(|(path, _)| is_below(path));
        let is_about = |note: &str, tree: &Tree| {
            note.contains(&tree.root.path) || tree.from.folder().is_some_and(|it| note.contains(&*it.to_string_lossy()))
        };
        let notes = kept.notes.iter().filter(|note| trees.iter().any(|tree| is_about(note, tree)));
        let caveats = self.settled.rendered.stores[store].caveats();
        Part {
            store: store.clone(),
            engine: self.engine(store),
            kept: Kept::Files {
                files,
                sample: sample.map(|(path, hash)| (path.clone(), hash.clone())).collect(),
                roots: roots.clone(),
            },
            bytes,
            added: share(kept.added, bytes, kept.bytes),
            took_ms: read.trees_took_ms,
            counts: BTreeMap::new(),
            source: None,
            notes: notes.cloned().chain(caveats).collect(),
        }
    }
}

/// The repository says what all parts added together: each has its share by its size.
fn share(added: u64, bytes: u64, of: u64) -> u64 {
    let share = u128::from(added) * u128::from(bytes) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}
