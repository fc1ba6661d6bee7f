//! Buckets of an instance: reached, filled, and put back where a restore fails.
//!
//! A bucket cannot be moved aside: its earlier content is in the safety backup, and is restored from there.
//! **Invariant:** an external bucket is changed only if the host's policy allows it, and never by a drill.

use super::error::HostFault;
use super::fault::StoreFault;
use super::fill::{Filling, services_of};
use super::source::{Opened, pick};
use super::stages::starting;
use super::trees::{Tree, TreeOrigin};
use super::{DataError, DataWork};
use crate::ledger::{RestorePhase, Settled};
use crate::perform::allow::allow;
use crate::perform::failure::of_repository;
use crate::perform::work::Finish;
use crate::repositories::{self, s3_address};
use fleet_core::activity::Activity;
use fleet_core::app::Rendered;
use fleet_core::backup::{
    BackupDamage, Bucket, DrillCheck, Kept, Manifest, Part, Root, Store, StoreDifference, root_path,
};
use fleet_core::host_policy::Reaches;
use fleet_core::names::StoreName;
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::InstanceSpec;
use fleet_repository::SetRecord;
use fleet_repository::bucket::Looked;
use fleet_repository::client::RepositoryClient;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Time for a service to listen at its first start.
const READY_LIMIT: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(5);
const BETWEEN_CONNECTS: Duration = Duration::from_millis(300);

/// A bucket as something that is read for a backup.
pub async fn tree(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    name: &StoreName,
    store: &Store,
) -> Result<Tree, DataError> {
    let bucket = reached(data, spec, name, store).await?;
    let from = store.bucket().map(Bucket::place).unwrap_or_default();
    Ok(Tree { from: TreeOrigin::Bucket(bucket), root: Root { from, path: root_path(name, 0) } })
}

/// The bucket of a store at an endpoint that this host reaches, if the host allows it.
async fn reached(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    name: &StoreName,
    store: &Store,
) -> Result<Bucket, DataError> {
    let unfit = |fault: StoreFault| fault.of_host(name);
    let bucket = store.bucket().ok_or_else(|| unfit(StoreFault::NoBucket))?;
    allow(data.context(), &Reaches::of_store(name, store, spec, [])).await?;
    let (Some(service), Some((_, port))) = (&bucket.service, bucket.authority()) else { return Ok(bucket.clone()) };
    let address = data.context().runtime.address(spec, service, port).await;
    let address = address.map_err(|error| unfit(StoreFault::Runtime(error)))?;
    let scheme = if bucket.endpoint.starts_with("https://") { "https" } else { "http" };
    Ok(Bucket { endpoint: format!("{scheme}://{address}"), ..bucket.clone() })
}

/// Makes a store's bucket equal to the backup, and verifies it.
pub async fn fill(
    data: &DataWork<'_>,
    opened: &Opened,
    filling: &Filling<'_>,
    spec: &InstanceSpec,
) -> Result<(), DataError> {
    let (name, part) = (filling.name, filling.part);
    let bucket = reached(data, spec, name, filling.store).await?;
    until_listening(data, name, &bucket).await?;
    if data.journal().reach == RestorePhase::Apart {
        let filled = name.clone();
        data.note(|journal| journal.filled.extend([filled])).await?;
    }
    data.work.say(Activity::FillingBucket(name.clone()));
    put(data, &opened.repository, &opened.set, part, &bucket).await?;
    let found = look(&opened.repository, part, &bucket).await?;
    let bad = |fault: StoreFault| fault.of_backup(name);
    match (&part.kept, found.wrong) {
        (_, Some(wrong)) => Err(bad(wrong.into())),
        (Kept::Files { files, .. }, None) if found.objects == *files && found.bytes == part.bytes => Ok(()),
        (Kept::Files { files, .. }, None) => {
            let (objects, bytes, found_bytes) = (*files, part.bytes, found.bytes);
            let differs = StoreDifference::Objects { objects, bytes, found: found.objects, found_bytes };
            Err(bad(differs.into()))
        }
        (Kept::Stream { .. }, None) => Err(bad(StoreFault::Damaged(BackupDamage::NotKeptAsBucket))),
    }
}

async fn put(
    data: &DataWork<'_>,
    repository: &RepositoryClient,
    set: &SetRecord,
    part: &Part,
    bucket: &Bucket,
) -> Result<(), DataError> {
    let sink = data.progress_sink(&Activity::FillingBucket(part.store.clone()));
    repository.fill_bucket(set, &root(part)?.path, s3_address(bucket), &sink).await?;
    Ok(())
}

async fn look(repository: &RepositoryClient, part: &Part, bucket: &Bucket) -> Result<Looked, DataError> {
    let below = format!("{}/", root(part)?.path);
    let sample: BTreeMap<String, String> = match &part.kept {
        Kept::Files { sample, .. } => sample
            .iter()
            .filter_map(|(path, hash)| Some((path.strip_prefix(&below)?.to_owned(), hash.clone())))
            .collect(),
        Kept::Stream { .. } => BTreeMap::new(),
    };
    Ok(repository.look_at_bucket(s3_address(bucket), sample).await?)
}

fn root(part: &Part) -> Result<&Root, DataError> {
    let roots = match &part.kept {
        Kept::Files { roots, .. } => roots.as_slice(),
        Kept::Stream { .. } => &[],
    };
    roots.first().ok_or_else(|| StoreFault::Damaged(BackupDamage::NotKeptAsBucket).of_backup(&part.store))
}

/// Returns the results of comparing a filled bucket, for people.
pub fn compared(filling: &Filling<'_>) -> Vec<DrillCheck> {
    let Kept::Files { files, sample, .. } = &filling.part.kept else { return Vec::new() };
    let store = || filling.name.clone();
    vec![
        DrillCheck::Objects { store: store(), objects: *files },
        DrillCheck::SameObjects { store: store(), objects: sample.len() },
    ]
}

/// Waits until the service listens: it may have been started just now.
async fn until_listening(data: &DataWork<'_>, name: &StoreName, bucket: &Bucket) -> Result<(), DataError> {
    let Some((host, port)) = bucket.authority().filter(|_| bucket.service.is_some()) else { return Ok(()) };
    data.work.say(Activity::WaitingForAnswer(name.to_string()));
    let silent = |reason| StoreFault::NotListening { address: format!("{host}:{port}"), reason }.of_host(name);
    let began = Instant::now();
    loop {
        match timeout(CONNECT, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) | Err(_) if began.elapsed() < READY_LIMIT.min(data.order.deadline / 2) => {
                sleep(BETWEEN_CONNECTS).await;
            }
            Ok(Err(error)) => return Err(silent(format!(": {error}"))),
            Err(_) => return Err(silent(String::new())),
        }
    }
}

/// Refuses external buckets with content for a new instance, because they belong to someone.
pub async fn expect_unused(data: &DataWork<'_>, opened: &Opened, to: &Rendered) -> Result<(), DataError> {
    let outside = to.stores.iter().filter(|(_, store)| store.bucket().is_some_and(|it| it.service.is_none()));
    for (name, store) in outside {
        let bucket = reached(data, &to.spec, name, store).await?;
        let found = opened.repository.look_at_bucket(s3_address(&bucket), BTreeMap::new()).await?;
        if found.objects > 0 {
            return Err(StoreFault::BucketInUse { address: bucket.place(), objects: found.objects }.of_store(name));
        }
    }
    Ok(())
}

/// Restores buckets whose objects a restore was replacing. Their services run afterwards.
pub async fn put_back(data: &DataWork<'_>, settled: &Settled) -> Result<(), DataError> {
    let filled = data.journal().filled;
    let (spec, stores) = (&settled.rendered.spec, &settled.rendered.stores);
    if filled.is_empty() {
        return Ok(());
    }
    let (repository, set, manifest) = safety(data).await?;
    let parts: Vec<(&StoreName, &Store, &Part)> = filled
        .iter()
        .filter_map(|name| {
            let part = manifest.parts.iter().find(|part| part.store == *name)?;
            stores.get_key_value(name).map(|(name, store)| (name, store, part))
        })
        .collect();
    let fillings: Vec<Filling<'_>> = parts.iter().map(|(name, store, part)| Filling { name, store, part }).collect();
    if fillings.len() < filled.len() {
        return Err(HostFault::SafetyBackupLacksBucket.into());
    }
    let services = services_of(&fillings, spec);
    data.work.perform(spec, |found| starting(found, spec, &services), Finish::AsIs).await?;
    for Filling { name, store, part } in &fillings {
        let bucket = reached(data, spec, name, store).await?;
        until_listening(data, name, &bucket).await?;
        data.work.say(Activity::PuttingBackBucket((*name).clone()));
        put(data, &repository, &set, part, &bucket).await?;
    }
    Ok(data.note(|journal| journal.filled.clear()).await?)
}

/// The safety backup of this order, where it can be read.
async fn safety(data: &DataWork<'_>) -> Result<(RepositoryClient, SetRecord, Manifest), DataError> {
    let mut failures = Vec::new();
    for copy in data.journal().safety {
        let Ok(made) = &copy.result else { continue };
        let repository = match data.repository(&copy.repository, &data.order.instance).await {
            Ok(repository) => repository,
            Err(error) => {
                failures.push(OrderFailure::from(&error));
                continue;
            }
        };
        match repositories::sets_of(&repository, &made.backup).await {
            Ok(sets) => {
                let found = pick(sets, &made.backup, copy.snapshots.as_ref());
                if let Ok(set) = found
                    && let Ok(manifest) = set.read_manifest()
                {
                    return Ok((repository, set, manifest));
                }
                let (backup, repository) = (made.backup.to_string(), copy.repository.to_string());
                failures.push(OrderFailure::BackupMissing { backup, repository });
            }
            Err(error) => failures.push(of_repository(&error)),
        }
    }
    Err(HostFault::NoSafetyBackup { failures }.into())
}
