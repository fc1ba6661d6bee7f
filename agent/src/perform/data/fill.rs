//! Puts what a backup kept into stores that are empty, and compares what came of it with what was noted.
//!
//! **Invariant:** a stream whose bytes are not those of the manifest fails the load, also after the last of them.

use super::source::Opened;
use super::{DataError, DataWork, bucket};
use bytes::Bytes;
use fleet_core::backup::{
    Counted, Kept, Part, Store, Tool, ToolPlace, after_tools, check_tool, count_tool, counts, load_tool, prepare_tools,
    ready_tool, works_in,
};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{Found, Stage, Step, steps};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A database that starts for the first time gets so long to answer.
const READY_LIMIT: Duration = Duration::from_secs(300);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);
/// Progress is said after so many bytes more.
const NOTEWORTHY: u64 = 4_000_000;

/// A part of a backup, and the store that takes it.
pub struct Filling<'a> {
    pub name: &'a StoreName,
    pub store: &'a Store,
    pub part: &'a Part,
}

/// Loads a store from its stream, while nothing else uses it. Its service runs, or stands still, as its tool wants.
pub async fn load(
    data: &DataWork<'_>,
    opened: &Opened,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<u64, DataError> {
    let (name, store) = (filling.name, filling.store);
    if store.bucket().is_some() {
        return bucket::fill(data, opened, filling, spec).await;
    }
    let Kept::Stream { path, sha256 } = &filling.part.kept else { return Ok(0) };
    let failed = |error: &dyn std::error::Error| DataError::of_store(name, crate::chain(error));
    let tool = load_tool(store, spec).ok_or_else(|| DataError::of_store(name, "it has no tool that loads it"))?;
    if let ToolPlace::In { .. } = &tool.at {
        until_ready(data, store, spec).await.map_err(|reason| DataError::of_store(name, reason))?;
    }
    data.work.say(format!("loading {name}"));
    run_all(data, &prepare_tools(store), spec).await.map_err(|error| failed(&error))?;
    let kept = opened.repository.read(&opened.set, path).await?;
    let (checked, bad) = checked(kept, filling.part.bytes, sha256, data, name);
    if let Err(error) = data.site().hands.load(&tool, spec, checked).await {
        // What came out of the repository was not what went in: that is the reason, whatever the tool says of it.
        return Err(match bad.borrow().clone() {
            Some(reason) => DataError::BadBackup(format!("the store `{name}`: {reason}")),
            None => failed(&error),
        });
    }
    if let Some(reason) = bad.borrow().clone() {
        return Err(DataError::BadBackup(format!("the store `{name}`: {reason}")));
    }
    run_all(data, &after_tools(store), spec).await.map_err(|error| failed(&error))?;
    Ok(filling.part.bytes)
}

async fn run_all(data: &DataWork<'_>, tools: &[Tool], spec: &InstanceSpec) -> Result<(), crate::hands::HandsError> {
    for tool in tools {
        data.site().hands.run_tool(tool, spec).await?;
    }
    Ok(())
}

type Reason = tokio::sync::watch::Receiver<Option<String>>;

/// The stream, and why it was not what the manifest says, as soon as that is known.
fn checked(
    kept: BoxStream<'static, Result<Bytes, String>>,
    bytes: u64,
    sha256: &str,
    data: &DataWork<'_>,
    name: &StoreName,
) -> (BoxStream<'static, Result<Bytes, String>>, Reason) {
    let (bad, reason) = tokio::sync::watch::channel(None);
    let (told, sha256) = (data.told(&format!("loading {name}")), sha256.to_owned());
    let begin = (Some(kept), Sha256::new(), 0_u64, 0_u64, bad);
    let stream = stream::unfold(begin, move |(kept, mut hash, mut so_far, mut said, bad)| {
        let (told, sha256) = (told.clone(), sha256.clone());
        async move {
            let mut kept = kept?;
            match kept.next().await {
                Some(Ok(piece)) => {
                    hash.update(&piece);
                    so_far += piece.len() as u64;
                    if so_far - said >= NOTEWORTHY {
                        said = so_far;
                        told.say(so_far);
                    }
                    Some((Ok(piece), (Some(kept), hash, so_far, said, bad)))
                }
                Some(Err(reason)) => {
                    bad.send_replace(Some(reason.clone()));
                    Some((Err(reason), (None, hash, so_far, said, bad)))
                }
                None => {
                    let found: String = hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                    if found == sha256 && so_far == bytes {
                        return None;
                    }
                    let reason =
                        format!("{so_far} bytes came out of the repository that are not the {bytes} that went in");
                    bad.send_replace(Some(reason.clone()));
                    Some((Err(reason), (None, hash, so_far, said, bad)))
                }
            }
        }
    });
    (stream.boxed(), reason)
}

/// Waits until a store's service answers.
pub async fn until_ready(data: &DataWork<'_>, store: &Store, spec: &InstanceSpec) -> Result<(), String> {
    let Some(tool) = ready_tool(store) else { return Ok(()) };
    let service = tool.at.service().to_owned();
    data.work.say(format!("waiting until {service} answers"));
    let began = Instant::now();
    loop {
        let Err(error) = data.site().hands.run_tool(&tool, spec).await else { return Ok(()) };
        if began.elapsed() > READY_LIMIT.min(data.order.deadline / 2) {
            return Err(format!("`{service}` does not answer: {}", crate::chain(&error)));
        }
        sleep(BETWEEN_QUESTIONS).await;
    }
}

/// Counts a loaded store, and compares with what was counted when it was dumped. Says what was compared.
pub async fn recount(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<Vec<String>, DataError> {
    let (name, store) = (filling.name, filling.store);
    if store.bucket().is_some() {
        // It was looked at when it was filled.
        return Ok(bucket::compared(filling));
    }
    let Some(tool) = count_tool(store).filter(|_| !filling.part.counts.is_empty()) else { return Ok(Vec::new()) };
    until_ready(data, store, spec).await.map_err(|reason| DataError::of_store(name, reason))?;
    let printed = data.site().hands.run_tool(&tool, spec).await;
    let printed = printed.map_err(|error| DataError::of_store(name, crate::chain(&error)))?;
    let found = counts(store, &printed).map_err(|reason| DataError::of_store(name, reason))?;
    as_counted(name, &filling.part.counts, &found)
        .map_err(|reason| DataError::BadBackup(format!("the store `{name}`: {reason}")))
}

/// Asks the app's own questions of a loaded store, those that the services that are here can answer. Says what was answered.
pub async fn question(
    data: &DataWork<'_>,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<Vec<String>, DataError> {
    let (name, mut said) = (filling.name, Vec::new());
    let bad = |reason: String| DataError::BadBackup(format!("the store `{name}`: {reason}"));
    for check in &filling.store.checks {
        let tool = check_tool(filling.store, check);
        let Some(tool) = tool.filter(|tool| spec.container(tool.at.service()).is_some()) else { continue };
        let answer = data.site().hands.run_tool(&tool, spec).await;
        let answer = answer.map_err(|error| bad(format!("{check}: {}", crate::chain(&error))))?;
        said.push(format!("{name}: {}", check.judge(&answer).map_err(bad)?));
    }
    Ok(said)
}

fn as_counted(
    store: &StoreName,
    noted: &BTreeMap<String, Counted>,
    found: &BTreeMap<String, u64>,
) -> Result<Vec<String>, String> {
    let wrong = noted.iter().find_map(|(name, Counted { low, high })| {
        let count = found.get(name).copied().unwrap_or(0);
        let expected = if low == high { low.to_string() } else { format!("{low} to {high}") };
        (count < *low || count > *high).then(|| format!("`{name}` has {count}, and had {expected}"))
    });
    match wrong {
        Some(reason) => Err(reason),
        None => {
            Ok(noted.keys().map(|name| format!("{store}: {name}: {}", found.get(name).copied().unwrap_or(0))).collect())
        }
    }
}

/// The services that must run for these stores to be loaded and asked, with what they depend on.
pub fn services_of(fillings: &[Filling<'_>], spec: &InstanceSpec) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = fillings.iter().filter_map(|it| works_in(it.store)).map(str::to_owned).collect();
    let mut line: Vec<String> = wanted.iter().cloned().collect();
    while let Some(service) = line.pop() {
        let needs = spec.container(&service).map(|it| it.depends_on.keys().cloned().collect::<Vec<_>>());
        line.extend(needs.unwrap_or_default().into_iter().filter(|need| wanted.insert(need.clone())));
    }
    wanted
}

/// The stages that make everything and start nothing.
pub fn without_starting(found: &Found, spec: &InstanceSpec) -> Vec<Stage> {
    retained(steps(found, spec), |step| {
        !matches!(step, Step::Start { .. } | Step::AwaitHealthy { .. } | Step::AwaitExit { .. } | Step::Gate)
    })
}

/// The stages that start some services and nothing else; all is made already.
pub fn starting(found: &Found, spec: &InstanceSpec, services: &BTreeSet<String>) -> Vec<Stage> {
    let names: BTreeSet<&str> = services.iter().filter_map(|it| Some(spec.container(it)?.name.as_str())).collect();
    retained(steps(found, spec), |step| match step {
        Step::Start { name } | Step::AwaitHealthy { name, .. } | Step::AwaitExit { name, .. } => {
            names.contains(name.as_str())
        }
        _ => false,
    })
}

fn retained(mut stages: Vec<Stage>, is_wanted: impl Fn(&Step) -> bool) -> Vec<Stage> {
    stages.iter_mut().for_each(|stage| stage.steps.retain(&is_wanted));
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}
