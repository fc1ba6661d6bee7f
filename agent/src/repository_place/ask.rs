//! Questions to the coordinator's repositories from threads that wait for the answer.

use super::status::{error_of, is_passing};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use fleet_link::{Identity, dial};
use fleet_proto::v1::repositories_client::RepositoriesClient;
use fleet_proto::v1::{AddFile, FileName, ListFiles, ReadFile, add_file};
use fleet_repository::{ActivityCounter, BackendError};
use futures_util::stream;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;
use tonic::transport::Channel;

/// Time without a byte in either direction after which a request fails.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest piece of one message.
const PIECE: usize = 256 * 1024;
/// The largest file that is taken; packs are far smaller.
const LARGEST: u64 = 256 << 20;
/// More files of one kind than any repository has.
const MOST_FILES: usize = 4_000_000;
/// Pauses before a question is asked again.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(10)];

/// The connection, dialed when it is needed and again when it broke.
#[derive(Debug)]
pub struct Line {
    identity: PathBuf,
    runtime: Runtime,
    channel: Mutex<Option<Channel>>,
    /// Beats with every message, either way: a file may take long over a slow line.
    activity: ActivityCounter,
}

impl Line {
    pub fn new(identity: PathBuf, activity: ActivityCounter) -> Result<Self, BackendError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(BackendError::Io)?;
        Ok(Self { identity, runtime, channel: Mutex::new(None), activity })
    }

    pub fn list(&self, of: &FileName) -> Result<Vec<(String, u64)>, BackendError> {
        self.ask(async |channel| {
            let request = ListFiles { of: Some(of.clone()) };
            let mut client = RepositoriesClient::new(channel);
            let mut pieces = in_time(client.list(request)).await?.into_inner();
            let mut found = Vec::new();
            while let Some(piece) = in_time(pieces.message()).await? {
                self.activity.beat();
                found.extend(piece.files.into_iter().map(|file| (file.id, file.bytes)));
                if found.len() > MOST_FILES {
                    return Err(Status::internal("there are more files than a repository may have"));
                }
            }
            Ok(found)
        })
    }

    pub fn read(&self, file: &FileName, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        self.ask(async |channel| {
            let request = ReadFile { file: Some(file.clone()), offset, length };
            let mut client = RepositoriesClient::new(channel);
            let mut pieces = in_time(client.read(request)).await?.into_inner();
            let mut bytes = Vec::with_capacity(usize::try_from(length.min(LARGEST)).unwrap_or_default());
            while let Some(piece) = in_time(pieces.message()).await? {
                self.activity.beat();
                bytes.extend_from_slice(&piece.bytes);
                if bytes.len() as u64 > LARGEST {
                    return Err(Status::internal("the file is larger than any in a repository"));
                }
            }
            Ok(Bytes::from(bytes))
        })
    }

    /// The same file once more is well, so that this may be asked again, too.
    pub fn add(&self, file: &FileName, content: &[Bytes]) -> Result<(), BackendError> {
        let sha256 = sum(file, content);
        let pieces: Arc<[Bytes]> = content.iter().flat_map(cut).collect();
        self.ask(async |channel| {
            let sent = Arc::new(AtomicU64::new(0));
            let (pieces, counter, count) = (Arc::clone(&pieces), Arc::clone(&sent), pieces.len());
            let activity = self.activity.clone();
            let message = |kind| AddFile { kind: Some(kind) };
            let first = std::iter::once(message(add_file::Kind::Begin(file.clone())));
            let bytes = (0..count).map(move |number| {
                counter.fetch_add(1, Ordering::Relaxed);
                activity.beat();
                message(add_file::Kind::Bytes(pieces[number].clone()))
            });
            let last = std::iter::once(message(add_file::Kind::Sha256(sha256.clone())));
            let mut client = RepositoriesClient::new(channel);
            let adding = client.add(stream::iter(first.chain(bytes).chain(last)));
            tokio::select! {
                added = adding => added.map(|_| ()),
                () = stalled(&sent) => Err(Status::deadline_exceeded("nothing more could be sent")),
            }
        })
    }

    /// Sends a request, and repeats it if that may help. The runtime drives the connection between requests too.
    fn ask<T>(&self, question: impl AsyncFn(Channel) -> Result<T, Status>) -> Result<T, BackendError> {
        self.runtime.block_on(async {
            let mut pauses = PAUSES.iter();
            loop {
                self.activity.beat();
                let answer = match self.channel().await {
                    Ok(channel) => question(channel).await,
                    Err(status) => Err(status),
                };
                let status = match answer {
                    Ok(answer) => return Ok(answer),
                    Err(status) => status,
                };
                match pauses.next().filter(|_| is_passing(&status)) {
                    Some(pause) => sleep(*pause).await,
                    None => return Err(error_of(&status)),
                }
                *self.channel.lock().await = None;
            }
        })
    }

    async fn channel(&self) -> Result<Channel, Status> {
        let mut kept = self.channel.lock().await;
        if let Some(channel) = &*kept {
            return Ok(channel.clone());
        }
        // It is read for each request, because the agent renews it.
        let identity = Identity::load(&self.identity).map_err(|error| Status::unauthenticated(crate::chain(&error)))?;
        let channel = dial(&identity).await.map_err(|error| Status::unavailable(crate::chain(&error)))?;
        Ok(kept.insert(channel).clone())
    }
}

/// Returns the name of a file: the hash of its content. The config keeps its fixed name.
fn sum(file: &FileName, content: &[Bytes]) -> String {
    if !file.id.is_empty() {
        return file.id.clone();
    }
    let mut hash = Sha256::new();
    content.iter().for_each(|piece| hash.update(piece));
    HEXLOWER.encode(&hash.finalize())
}

fn cut(bytes: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let (bytes, count) = (bytes.clone(), bytes.len().div_ceil(PIECE));
    (0..count).map(move |number| bytes.slice(number * PIECE..bytes.len().min((number + 1) * PIECE)))
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match timeout(SILENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded(format!("nothing came for {} s", SILENCE.as_secs()))),
    }
}

/// Ends when nothing was taken for too long.
async fn stalled(sent: &AtomicU64) {
    let (mut seen, mut since) = (sent.load(Ordering::Relaxed), Instant::now());
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > SILENCE {
            return;
        }
    }
}
