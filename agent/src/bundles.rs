//! The bundles of releases: fetched once, checked by digest, kept.
//!
//! **Invariant:** a bundle that is handed out has the requested digest, whatever its source.

#[cfg(test)]
mod tests;

use crate::metrics::AgentMetrics;
use fleet_core::app::{AppDefinition, Bundle, BundleError, ENCODED_LIMIT};
use fleet_core::names::Digest;
use fleet_proto::v1::FetchBundleRequest;
use fleet_proto::v1::agents_client::AgentsClient;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tracing::Instrument;

/// The bundles that are kept, newest first.
const KEPT: usize = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("could not fetch the release {digest}: {reason}")]
    Refused { digest: Digest, reason: String },
    #[error("what was sent as the release {digest} is something else")]
    WrongDigest { digest: Digest },
    #[error("the release {digest} cannot be read")]
    Unreadable { digest: Digest, source: BundleError },
}

/// The folder of bundles, and the way to more of them.
#[derive(Debug)]
pub struct Bundles {
    folder: PathBuf,
    channel: watch::Receiver<Option<Channel>>,
    /// Secret values of each release that was asked about.
    secret_names: Mutex<BTreeMap<Digest, Arc<BTreeSet<String>>>>,
    metrics: Arc<AgentMetrics>,
}

impl Bundles {
    pub fn new(folder: PathBuf, channel: watch::Receiver<Option<Channel>>) -> Self {
        Self { folder, channel, secret_names: Mutex::default(), metrics: Arc::default() }
    }

    /// Counts fetches in these metrics.
    #[must_use]
    pub fn counted(self, metrics: Arc<AgentMetrics>) -> Self {
        Self { metrics, ..self }
    }

    /// The bundle with this digest. Waits for the coordinator as long as it is away; the caller has a deadline.
    pub async fn get(&self, digest: &Digest) -> Result<Bundle, FetchError> {
        match self.kept(digest) {
            Some(bundle) => Ok(bundle),
            None => {
                let fetched = self.fetch(digest).instrument(tracing::error_span!("fetch_bundle", %digest)).await;
                self.metrics.fetched(&fetched);
                fetched
            }
        }
    }

    /// The bundle with this digest, if it is on this host.
    pub fn kept(&self, digest: &Digest) -> Option<Bundle> {
        fs::read(self.path(digest)).ok().and_then(|bytes| checked(digest, &bytes).ok())
    }

    /// Returns the names of a release's secret values; nothing if the release is not on this host.
    pub fn secret_names(&self, digest: &Digest) -> Option<Arc<BTreeSet<String>>> {
        let known = || self.secret_names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known().get(digest) {
            return Some(Arc::clone(names));
        }
        let definition = AppDefinition::of(&self.kept(digest)?).ok()?;
        let secret = definition.values.iter().filter(|(_, declared)| declared.secret);
        let names: Arc<BTreeSet<String>> = Arc::new(secret.map(|(name, _)| name.to_string()).collect());
        let mut known = known();
        if known.len() >= 2 * KEPT {
            known.clear();
        }
        known.insert(digest.clone(), Arc::clone(&names));
        Some(names)
    }

    async fn fetch(&self, digest: &Digest) -> Result<Bundle, FetchError> {
        let mut channel = self.channel.clone();
        loop {
            let connected = channel.wait_for(Option::is_some).await.ok().and_then(|channel| channel.clone());
            let Some(connected) = connected else { return std::future::pending().await };
            match fetch_once(connected, digest).await {
                Ok(bytes) => {
                    let bundle = checked(digest, &bytes)?;
                    self.keep(digest, &bytes);
                    return Ok(bundle);
                }
                Err(status) if is_passing(&status) => tracing::debug!(%status, "fetching again"),
                Err(status) => {
                    let reason = status.message().to_owned();
                    return Err(FetchError::Refused { digest: digest.clone(), reason });
                }
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// Stores a bundle so that it is not fetched again. Without space for it, it is fetched each time.
    fn keep(&self, digest: &Digest, bytes: &[u8]) {
        let kept = write_whole(&self.path(digest), bytes).and_then(|()| forget_oldest(&self.folder));
        if let Err(error) = kept {
            tracing::warn!(%error, %digest, "the release could not be kept");
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.as_str().replace(':', "-"))
    }
}

fn checked(digest: &Digest, bytes: &[u8]) -> Result<Bundle, FetchError> {
    let bundle = Bundle::decode(bytes).map_err(|source| FetchError::Unreadable { digest: digest.clone(), source })?;
    if bundle.digest() == *digest { Ok(bundle) } else { Err(FetchError::WrongDigest { digest: digest.clone() }) }
}

async fn fetch_once(channel: Channel, digest: &Digest) -> Result<Vec<u8>, Status> {
    let request = FetchBundleRequest { digest: digest.to_string() };
    let mut pieces = AgentsClient::new(channel).fetch_bundle(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        bytes.extend_from_slice(&piece.bytes);
        if bytes.len() > ENCODED_LIMIT {
            return Err(Status::resource_exhausted("it is larger than a bundle may be"));
        }
    }
    Ok(bytes)
}

fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Aborted
    )
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        kept.push((file.metadata()?.modified()?, file.path()));
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(KEPT);
    kept.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}
