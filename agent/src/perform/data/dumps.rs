//! Streams of an instance into its repositories: its configuration, and the dumps of its databases' own tools.
//!
//! **Invariant:** a stream counts only if its tool ended well and the data passed validation: until both are known, no
//! copy gets the end of the stream.

use super::asked::{Asked, Early, count, note, settled};
use super::copies::Copies;
use super::fault::{AskError, StoreFault};
use super::tee::Tee;
use super::{DataError, DataWork};
use crate::clock;
use crate::runtime::{DumpStream, RuntimeError};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use fleet_core::activity::Activity;
use fleet_core::backup::{
    Counted, CounterReading, DataNote, DumpError, DumpValidator, NotedAt, SourceNote, Store, ToolEnd, around, between,
    dump_tool, exactly, lacking, stream_path, unequal,
};
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::InstanceSpec;
use fleet_repository::worker::StreamSpec;
use fleet_repository::{ArchivedStreams, Part};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::pin::pin;

/// Number of further bytes after which progress is reported.
const NOTEWORTHY: u64 = 4_000_000;
/// Maximum size of a piece of the stream.
const PIECE: usize = 256 * 1024;

/// Size and hash of one store's stream, the same for all copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dumped {
    pub bytes: u64,
    pub sha256: String,
    pub took_ms: u64,
    pub counts: BTreeMap<String, Counted>,
    pub source: Option<SourceNote>,
    pub notes: Vec<DataNote>,
}

/// All streams of a backup, in the form of each copy.
#[derive(Debug, Default)]
pub struct AllDumped {
    pub stores: BTreeMap<StoreName, Dumped>,
    pub kept: BTreeMap<RepositoryName, ArchivedStreams>,
}

/// Something that is read as a stream.
enum Planned<'a> {
    Configuration(Vec<u8>),
    Store(&'a StoreName, &'a Store),
}

/// Reads all streams, and writes the snapshot of each copy. Copies that fail are lost; a source that fails loses them all.
pub async fn dump_all(
    data: &DataWork<'_>,
    copies: &mut Copies,
    part: &Part,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
    configuration: BTreeMap<String, Vec<u8>>,
    early: &Early,
) -> Result<AllDumped, DataError> {
    let streams = stores.iter().map(|(name, store)| (stream_path(name), Planned::Store(name, store)));
    let texts = configuration.into_iter().map(|(path, bytes)| (path, Planned::Configuration(bytes)));
    let mut planned: Vec<(String, Planned<'_>)> = texts.chain(streams).collect();
    // Paths are ordered part by part.
    planned.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    let spec_of =
        |(path, planned): &(String, Planned<'_>)| StreamSpec { name: path.clone(), expected: size(planned, copies) };
    let specs: Vec<StreamSpec> = planned.iter().map(spec_of).collect();
    let mut tee = Tee::open(copies, part, &specs).await?;
    let mut all = AllDumped::default();
    for (_, planned) in &planned {
        let read = match planned {
            Planned::Configuration(bytes) => tee_all(&mut tee, bytes).await,
            Planned::Store(name, store) => {
                let previous = copies.previous(name);
                let dumping = Dumping { data, spec, name, store, early: early.get(*name) };
                let dumped = dumping.dump(previous, &mut tee).await;
                dumped.map(|dumped| drop(all.stores.insert((*name).clone(), dumped)))
            }
        };
        let ended = match read {
            Ok(()) => tee.end().await,
            Err(error) => Err(error),
        };
        // Dropping the tee ends all copies at once: services are stopped, so nothing may wait.
        ended?;
    }
    data.work.say(Activity::NotingDumps);
    let (kept, lost) = tee.finish().await;
    copies.lose_all(&lost);
    for (name, kept) in kept {
        match differing(&all.stores, &kept) {
            None => drop(all.kept.insert(name, kept)),
            Some(store) => copies.lose(&name, OrderFailure::CopyDiffers { store: store.to_string() }),
        }
    }
    Ok(all)
}

/// About how many bytes will come.
fn size(planned: &Planned<'_>, copies: &Copies) -> Option<u64> {
    match planned {
        Planned::Configuration(bytes) => Some(bytes.len() as u64),
        Planned::Store(name, _) => copies.previous(name),
    }
}

async fn tee_all(tee: &mut Tee, bytes: &[u8]) -> Result<(), DataError> {
    for piece in bytes.chunks(PIECE) {
        tee.bytes(&Bytes::copy_from_slice(piece)).await?;
    }
    Ok(())
}

/// Passes a piece to all copies while reading the next one: a failing tool is not delayed by a hanging copy.
async fn feed(
    tee: &mut Tee,
    piece: &Bytes,
    stream: &mut DumpStream,
) -> Result<Option<Result<Bytes, RuntimeError>>, DataError> {
    let mut feeding = pin!(tee.bytes(piece));
    tokio::select! {
        fed = &mut feeding => {
            fed?;
            Ok(stream.next().await)
        }
        next = stream.next() => {
            if !matches!(next, Some(Err(_))) {
                feeding.await?;
            }
            Ok(next)
        }
    }
}

/// Returns the first store of which a copy differs from the sent stream.
fn differing<'a>(sent: &'a BTreeMap<StoreName, Dumped>, kept: &ArchivedStreams) -> Option<&'a StoreName> {
    let is_same = |(name, dumped): &(&StoreName, &Dumped)| {
        let arrived = kept.stream(&stream_path(name));
        arrived.is_some_and(|arrived| arrived.bytes == dumped.bytes && arrived.sha256 == dumped.sha256)
    };
    sent.iter().find(|pair| !is_same(pair)).map(|(name, _)| name)
}

/// One store on its way into the copies.
struct Dumping<'a> {
    data: &'a DataWork<'a>,
    spec: &'a InstanceSpec,
    name: &'a StoreName,
    store: &'a Store,
    early: Option<&'a Asked>,
}

impl Dumping<'_> {
    async fn dump(&self, previous: Option<u64>, tee: &mut Tee) -> Result<Dumped, DataError> {
        let Self { data, spec, name, store, .. } = *self;
        let of_store = |fault: StoreFault| fault.of_store(name);
        let (began, doing) = (tokio::time::Instant::now(), Activity::Dump(name.clone()));
        data.work.say(doing.clone());
        let tool = dump_tool(store).ok_or_else(|| of_store(StoreFault::NoDumpTool))?;
        let validator = DumpValidator::of(store).ok_or_else(|| of_store(StoreFault::NoValidator))?;
        let noted = self.note(None).await;
        let before = match self.early {
            None => self.count().await?,
            Some(_) => CounterReading::default(),
        };
        let failed = |error| of_store(StoreFault::Runtime(error));
        let mut stream = data.context().runtime.dump(&tool, spec).await.map_err(failed)?;
        let (mut validator, mut hash, sink) = (validator, Sha256::new(), data.progress_sink(&doing));
        let (mut bytes, mut said) = (0_u64, 0_u64);
        let mut next = stream.next().await;
        while let Some(piece) = next {
            let piece = piece.map_err(failed)?;
            validator.observe(&piece);
            hash.update(&piece);
            bytes += piece.len() as u64;
            next = feed(tee, &piece, &mut stream).await?;
            if bytes - said >= NOTEWORTHY {
                said = bytes;
                sink.say(bytes);
            }
        }
        let mut notes =
            validator.verdict(&ToolEnd::well(), previous).map_err(|error| of_store(StoreFault::Dump(error)))?;
        let (source, is_still) = self.settled(noted, &mut notes).await;
        let counts = self.counted(&before, validator.counts(), is_still, &mut notes).await?;
        let sha256 = HEXLOWER.encode(&hash.finalize());
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        notes.extend(DataNote::not_quiesced(store));
        Ok(Dumped { bytes, sha256, took_ms, counts, source, notes })
    }

    /// Returns the number of items in the dump: from the dump itself, or else from the store's own counter.
    async fn counted(
        &self,
        before: &CounterReading,
        dumped: Option<BTreeMap<String, u64>>,
        is_still: bool,
        notes: &mut Vec<DataNote>,
    ) -> Result<BTreeMap<String, Counted>, DataError> {
        match (self.early.map(|early| &early.counted), dumped) {
            (Some(Ok(early)), _) => Ok(around(early)),
            (Some(Err(error)), _) => {
                notes.push(DataNote::NotCounted { failure: Box::new(error.into()) });
                Ok(BTreeMap::new())
            }
            (None, None) => Ok(between(self.store, before, &self.count().await?)),
            (None, Some(dumped)) if is_still => match unequal(&before.counts, &dumped) {
                Some(differs) => Err(StoreFault::Dump(differs).of_store(self.name)),
                None => Ok(exactly(&before.counts, &dumped)),
            },
            (None, Some(dumped)) => {
                let is_lacking = lacking(&before.counts, &dumped, &before.counts).is_some();
                let after = if is_lacking { self.count().await?.counts } else { BTreeMap::new() };
                match lacking(&before.counts, &dumped, &after) {
                    Some(item) => Err(StoreFault::Dump(DumpError::Lacks { item: item.clone() }).of_store(self.name)),
                    None => Ok(exactly(&before.counts, &dumped)),
                }
            }
        }
    }

    /// Returns the reply of its server; nothing if it is stopped, or if no query is known for it.
    async fn note(&self, before: Option<&NotedAt>) -> Option<Result<NotedAt, AskError>> {
        match self.early {
            None => note(self.data, self.spec, self.store, before).await,
            Some(_) => None,
        }
    }

    /// Repeats the query and returns whether nothing was written meanwhile.
    async fn settled(
        &self,
        before: Option<Result<NotedAt, AskError>>,
        notes: &mut Vec<DataNote>,
    ) -> (Option<SourceNote>, bool) {
        let Some(before) = before else { return (None, false) };
        let after = self.note(before.as_ref().ok()).await.unwrap_or_else(|| Ok(NotedAt::default()));
        settled(before, after, notes)
    }

    async fn count(&self) -> Result<CounterReading, DataError> {
        let counted = count(self.data, self.spec, self.store).await;
        counted.map_err(|error| StoreFault::NotCounted(error).of_store(self.name))
    }
}

/// The configuration of an instance as streams: its release, and the files that were made of it.
pub fn configuration(spec: &InstanceSpec, bundle: Option<Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let files = spec.files.iter().map(|file| (format!("config/files/{}", file.path), file.content.bytes().to_vec()));
    files.chain(bundle.map(|bytes| (BUNDLE.to_owned(), bytes))).collect()
}

/// Path of the release's bundle in a backup.
pub const BUNDLE: &str = "config/release.bundle";

/// Returns whose snapshots this order writes, as of now.
pub fn part(data: &DataWork<'_>) -> Part {
    Part { backup: data.backup_id(), host: data.context().host.clone(), time: clock::now() }
}
