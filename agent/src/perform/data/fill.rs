//! Loads the databases of a backup into servers that are empty, with nothing else running.
//!
//! **Invariant:** a stream whose bytes are not those of the manifest fails the load, also after the last of them.

use super::compare::{recount, renote};
use super::fault::StoreFault;
use super::ready::until_ready;
use super::side_plan::SidePlan;
use super::source::Opened;
use super::stages::starting;
use super::{DataError, DataWork, bucket};
use crate::perform::allow::allow_spec;
use crate::perform::work::{Finish, WorkError};
use crate::runtime::{InputError, RuntimeError};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use fleet_core::activity::Activity;
use fleet_core::backup::{
    Differences, DrillCheck, Kept, Part, PutTime, Store, StoreDifference, Tool, after_tools, is_files, load_tool,
    loads_beside, prepare_tools,
};
use fleet_core::names::StoreName;
use fleet_core::order::PowerRequest;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::steps_for_power;
use fleet_repository::client::RepositoryError;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Number of further bytes after which progress is reported.
const NOTEWORTHY: u64 = 4_000_000;

/// Messages of tools that mean a lack of resources on the host, or a server that stopped.
const OF_HOST: [&str; 9] = [
    "No space left on device",
    "Cannot allocate memory",
    "out of memory",
    "closed the connection",
    "connection to server",
    "terminating connection",
    "Lost connection",
    "gone away",
    "onnection refused",
];

/// A part of a backup, and the store that takes it.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    pub name: &'a StoreName,
    pub store: &'a Store,
    pub part: &'a Part,
}

/// Data that was loaded and compared.
#[derive(Debug, Default)]
pub struct Loaded {
    pub said: Vec<DrillCheck>,
    /// Stores that differ from the notes about their servers.
    pub differing: Vec<(StoreName, Differences)>,
}

/// Loads all databases and counts them again: first those that are loaded while their service is stopped, then the
/// others, with only them and their dependencies running. Other services would find them empty and begin to fill them.
/// Buckets come last: they cannot be moved aside, and until then everything can be undone without them. Files beside
/// the dumps are put in place before the servers start; if a server starts only in an empty folder, after everything is
/// loaded and counted.
pub async fn load_all(
    data: &DataWork<'_>,
    opened: &Opened,
    fillings: &[Filling<'_>],
    spec: &InstanceSpec,
    side: &SidePlan,
) -> Result<Loaded, DataError> {
    side.put(data, fillings, spec, PutTime::BeforeStart).await?;
    let streams = || fillings.iter().filter(|it| !is_files(it.store) && it.store.bucket().is_none());
    for filling in streams().filter(|it| loads_beside(it.store, spec)) {
        load(data, opened, filling, spec).await?;
    }
    let services = services_of(fillings, spec);
    allow_spec(data.context(), spec).await.map_err(WorkError::from)?;
    data.work.perform(spec, |found| starting(found, spec, &services), Finish::AsIs).await?;
    let (mut said, mut differing) = (Vec::new(), Vec::new());
    for filling in streams() {
        if !loads_beside(filling.store, spec) {
            until_ready(data, filling.store, spec)
                .await
                .map_err(|error| StoreFault::NotReady(error).of_host(filling.name))?;
            load(data, opened, filling, spec).await?;
        }
        said.push(DrillCheck::Loaded { store: filling.name.clone(), bytes: filling.part.bytes });
    }
    for filling in streams() {
        said.extend(recount(data, filling, spec).await?);
        let (compared, differences) = renote(data, filling, spec).await?;
        said.extend(compared);
        differing.extend(Some((filling.name.clone(), differences)).filter(|(_, it)| !it.is_empty()));
    }
    if side.is_late(fillings) {
        put_late(data, fillings, spec, side).await?;
    }
    for filling in fillings.iter().filter(|it| it.store.bucket().is_some()) {
        bucket::fill(data, opened, filling, spec).await?;
        said.extend(bucket::compared(filling));
    }
    Ok(Loaded { said, differing })
}

/// Puts files beside loaded data, and starts the servers with them, as they will run afterwards.
async fn put_late(
    data: &DataWork<'_>,
    fillings: &[Filling<'_>],
    spec: &InstanceSpec,
    side: &SidePlan,
) -> Result<(), DataError> {
    data.work.perform(spec, |found| steps_for_power(found, spec, PowerRequest::Stop), Finish::AsIs).await?;
    side.put(data, fillings, spec, PutTime::AfterLoad).await?;
    let services = services_of(fillings, spec);
    data.work.perform(spec, |found| starting(found, spec, &services), Finish::AsIs).await?;
    for filling in fillings.iter().filter(|it| !is_files(it.store) && it.store.bucket().is_none()) {
        let late = |error| StoreFault::NotReadyWithFiles(error).of_host(filling.name);
        until_ready(data, filling.store, spec).await.map_err(late)?;
    }
    Ok(())
}

/// Loads a store from its stream while nothing else uses it. Its service runs or is stopped, as its tool needs.
async fn load(
    data: &DataWork<'_>,
    opened: &Opened,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<(), DataError> {
    let (name, store) = (filling.name, filling.store);
    let Kept::Stream { path, sha256 } = &filling.part.kept else { return Ok(()) };
    let tool = load_tool(store, spec).ok_or_else(|| StoreFault::NoLoadTool.of_host(name))?;
    data.work.say(Activity::Loading(name.clone()));
    run_all(data, &prepare_tools(store), spec).await.map_err(|error| StoreFault::Runtime(error).of_host(name))?;
    let kept = opened.repository.read_stream_of(&opened.set, path).await?;
    let (checked, broken) = checked(kept, filling.part.bytes, sha256, data, name);
    let loaded = data.context().runtime.load(&tool, spec, checked).await;
    // If the repository's data was wrong or incomplete, that is the reason, whatever the tool reports.
    let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(broken) = broken {
        return Err(match broken {
            Broken::Differs(fault) => fault.of_backup(name),
            Broken::Unread(error) => error.into(),
        });
    }
    loaded.map_err(|error| of_tool(name, error))?;
    run_all(data, &after_tools(store), spec).await.map_err(|error| of_tool(name, error))
}

/// Converts a tool's error: a message about the data is one about the backup, but a tool that could not run is not.
pub fn of_tool(store: &StoreName, error: RuntimeError) -> DataError {
    let is_of_data = is_of_data(&error);
    let fault = StoreFault::Runtime(error);
    if is_of_data { fault.of_store(store) } else { fault.of_host(store) }
}

/// Returns whether a tool ended by itself, possibly because of its input. One that was killed or had no space did not.
pub fn is_of_data(error: &RuntimeError) -> bool {
    let RuntimeError::ToolFailed { code, words, .. } = error else { return false };
    !OF_HOST.iter().any(|it| words.contains(it)) && !matches!(code, 137 | 143)
}

async fn run_all(data: &DataWork<'_>, tools: &[Tool], spec: &InstanceSpec) -> Result<(), RuntimeError> {
    for tool in tools {
        data.context().runtime.run_tool(tool, spec).await?;
    }
    Ok(())
}

/// Reason why a stream differs from the stored one.
#[derive(Debug)]
enum Broken {
    Differs(StoreFault),
    Unread(RepositoryError),
}

type Reason = Arc<Mutex<Option<Broken>>>;

/// Returns the stream for the tool. It fails as soon as the data differs from the manifest.
fn checked(
    kept: BoxStream<'static, Result<Bytes, RepositoryError>>,
    bytes: u64,
    sha256: &str,
    data: &DataWork<'_>,
    name: &StoreName,
) -> (BoxStream<'static, Result<Bytes, InputError>>, Reason) {
    let reason = Reason::default();
    let broken = Arc::clone(&reason);
    let (sink, sha256) = (data.progress_sink(&Activity::Loading(name.clone())), sha256.to_owned());
    let begin = (Some(kept), Sha256::new(), 0_u64, 0_u64, broken);
    let stream = stream::unfold(begin, move |(kept, mut hash, mut so_far, mut said, broken)| {
        let (sink, sha256) = (sink.clone(), sha256.clone());
        async move {
            let mut kept = kept?;
            let (why, text) = match kept.next().await {
                Some(Ok(piece)) => {
                    hash.update(&piece);
                    so_far += piece.len() as u64;
                    if so_far - said >= NOTEWORTHY {
                        said = so_far;
                        sink.say(so_far);
                    }
                    return Some((Ok(piece), (Some(kept), hash, so_far, said, broken)));
                }
                Some(Err(error)) => {
                    let text = crate::chain(&error);
                    (Broken::Unread(error), text)
                }
                None => {
                    let found = HEXLOWER.encode(&hash.clone().finalize());
                    if found == sha256 && so_far == bytes {
                        return None;
                    }
                    let differs = StoreFault::from(StoreDifference::Stream { expected: bytes, found: so_far });
                    let text = differs.to_string();
                    (Broken::Differs(differs), text)
                }
            };
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            Some((Err(InputError(text)), (None, hash, so_far, said, broken)))
        }
    });
    (stream.boxed(), reason)
}

/// Returns the services of the databases, with their dependencies.
pub fn services_of(fillings: &[Filling<'_>], spec: &InstanceSpec) -> BTreeSet<String> {
    let of_stores = fillings.iter().filter_map(|it| it.store.engine.service()).map(str::to_owned);
    with_needs(of_stores.collect(), spec)
}

/// Returns services with their dependencies.
pub fn with_needs(mut wanted: BTreeSet<String>, spec: &InstanceSpec) -> BTreeSet<String> {
    let mut line: Vec<String> = wanted.iter().cloned().collect();
    while let Some(service) = line.pop() {
        let needs = spec.container(&service).map(|it| it.depends_on.keys().cloned().collect::<Vec<_>>());
        line.extend(needs.unwrap_or_default().into_iter().filter(|need| wanted.insert(need.clone())));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::failed_step::ToolTask;

    #[test]
    fn only_what_a_tool_says_of_its_data_is_held_against_it() {
        let is_of_data = |code, words: &str| {
            is_of_data(&RuntimeError::ToolFailed { task: ToolTask::other("psql"), code, words: format!(": {words}") })
        };
        assert!(is_of_data(3, "ERROR: syntax error at or near"));
        assert!(is_of_data(1, "ERROR 1064 (42000) at line 5"));
        for words in [
            "could not extend file: No space left on device",
            "ERROR: out of memory",
            "server closed the connection unexpectedly",
            "ERROR 2013 (HY000): Lost connection to server during query",
            "connect ECONNREFUSED 127.0.0.1: connection refused",
        ] {
            assert!(!is_of_data(1, words), "{words}");
        }
        assert!(!is_of_data(137, "") && !is_of_data(143, ""));
    }
}
