//! A bucket of an S3-compatible store.

use super::steady::SteadyConnector;
use super::{Backend, BackendError, FileId, FileKind, MAX_FILE};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const CONNECT: Duration = Duration::from_secs(10);
/// Time limit for one attempt at one request.
const ATTEMPT: Duration = Duration::from_secs(60);
/// Time limit for all attempts at it together.
const DEADLINE: Duration = Duration::from_secs(180);
const RETRIES: usize = 5;
const READ_AHEAD: u64 = 4 << 20;
/// Error text for a server that answers a range request as if the whole file was requested; some do that and still send
/// only the range.
const NOT_A_RANGE: &str = "non-partial response";

/// Address and credentials of a bucket. `Debug` hides the secret key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Address {
    /// URL of the S3 server.
    pub endpoint: String,
    /// Region of the bucket.
    pub region: String,
    /// Name of the bucket.
    pub bucket: String,
    /// A folder of the bucket; empty for all of it.
    #[serde(default)]
    pub prefix: String,
    /// Id of the access key.
    pub access_key: String,
    /// Secret part of the access key.
    pub secret_key: String,
    /// Security of the connection.
    #[serde(default)]
    pub transport: Transport,
}

/// Security of the connection to an S3 server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Only HTTPS.
    #[default]
    Https,
    /// Plain HTTP, for a server on the same machine or in a private network.
    PlainHttp,
}

impl fmt::Debug for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Address({}/{}/{}, …)", self.endpoint, self.bucket, self.prefix)
    }
}

/// A repository in a bucket.
pub struct S3Backend {
    name: String,
    prefix: String,
    store: AmazonS3,
    runtime: Runtime,
    deadline: Duration,
    /// Last file that was read as a whole, for a server with incorrect ranges.
    whole: Mutex<Option<(Path, Bytes)>>,
    gives_ranges: AtomicBool,
}

impl S3Backend {
    /// Connects to nothing yet.
    pub fn new(address: &S3Address) -> Result<Self, BackendError> {
        Self::with_deadline(address, DEADLINE)
    }

    /// Same as `new`, with another limit for one call, its retries included.
    pub fn with_deadline(address: &S3Address, deadline: Duration) -> Result<Self, BackendError> {
        let client = ClientOptions::new().with_timeout(ATTEMPT.min(deadline));
        let store = connected(address, client, deadline)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("s3").enable_all().build()?;
        let name = format!("{}/{}/{}", address.endpoint, address.bucket, address.prefix);
        let prefix = address.prefix.trim_matches('/').to_owned();
        let (whole, gives_ranges) = (Mutex::default(), AtomicBool::new(true));
        Ok(Self { name, prefix, store, runtime, deadline, whole, gives_ranges })
    }

    fn path(&self, kind: FileKind, id: &FileId) -> Path {
        Path::from(format!("{}/{}", self.prefix, id.path(kind)))
    }

    fn wait<T>(&self, answer: impl Future<Output = object_store::Result<T>>) -> Result<T, BackendError> {
        self.runtime.block_on(async {
            match tokio::time::timeout(self.deadline, answer).await {
                Ok(answer) => answer.map_err(|error| refine(&error)),
                Err(_) => Err(BackendError::Late(format!("not within {} s", self.deadline.as_secs()))),
            }
        })
    }

    /// Reads a whole file for a part of it.
    fn cut_out(&self, path: Path, kind: FileKind, id: &FileId, range: Range<u64>) -> Result<Bytes, BackendError> {
        let kept = self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let content = match kept {
            Some((of, content)) if of == path => content,
            _ => self.read(kind, id)?,
        };
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some((path, content.clone()));
        if range.end > content.len() as u64 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        Ok(content.slice(range.start as usize..range.end as usize))
    }

    /// Returns whether the object exists with another size. Its name is the hash of its content, so the same length
    /// means the same content. The config has a fixed name, so its content is compared.
    fn is_occupied(&self, kind: FileKind, path: &Path, content: &[Bytes]) -> Result<Option<bool>, BackendError> {
        match self.wait(self.store.head(path)) {
            Err(BackendError::Missing) => Ok(None),
            Err(error) => Err(error),
            Ok(_) if kind == FileKind::Config => {
                let there = self.wait(async { self.store.get(path).await?.bytes().await })?;
                Ok(Some(there != content.concat()))
            }
            Ok(head) => Ok(Some(head.size != content.iter().map(|piece| piece.len() as u64).sum::<u64>())),
        }
    }
}

impl Backend for S3Backend {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        if kind == FileKind::Config {
            return match self.wait(self.store.head(&self.path(kind, &FileId::default()))) {
                Ok(head) => Ok(vec![(FileId::default(), head.size)]),
                Err(BackendError::Missing) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let folder = Path::from(format!("{}/{}", self.prefix, kind.folder()));
        let listed = self.wait(self.store.list(Some(&folder)).try_collect::<Vec<_>>())?;
        let named = |location: &Path| location.filename().and_then(|name| name.parse().ok());
        Ok(listed.into_iter().filter_map(|object| Some((named(&object.location)?, object.size))).collect())
    }

    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        let path = self.path(kind, id);
        self.wait(async {
            let got = self.store.get(&path).await?;
            if got.meta.size > MAX_FILE {
                let source = "it is larger than any file of a repository".into();
                return Err(object_store::Error::Generic { store: "s3", source });
            }
            got.bytes().await
        })
    }

    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        let path = self.path(kind, id);
        let range = offset..offset.saturating_add(length);
        if self.gives_ranges.load(Ordering::Relaxed) {
            let cut_off = || BackendError::from(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            match self.wait(self.store.get_range(&path, range.clone())) {
                Ok(read) => return if read.len() as u64 == length { Ok(read) } else { Err(cut_off()) },
                Err(BackendError::Unreachable(text)) if text.contains(NOT_A_RANGE) => {}
                Err(error) => return Err(error),
            }
            self.gives_ranges.store(false, Ordering::Relaxed);
        }
        self.cut_out(path, kind, id, range)
    }

    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        let path = self.path(kind, id);
        match self.is_occupied(kind, &path, content)? {
            Some(true) => return Err(BackendError::Occupied),
            Some(false) => return Ok(()),
            None => {}
        }
        let payload: PutPayload = content.iter().cloned().collect();
        self.wait(self.store.put(&path, payload)).map(drop)
    }

    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        match self.wait(self.store.delete(&self.path(kind, id))) {
            Ok(()) | Err(BackendError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read_ahead(&self) -> u64 {
        READ_AHEAD
    }
}

impl fmt::Debug for S3Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Place").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A client of a bucket; nothing is asked of it yet.
pub(crate) fn connected(
    address: &S3Address,
    client: ClientOptions,
    deadline: Duration,
) -> Result<AmazonS3, BackendError> {
    // Only one kind of cryptography is built in; where it is chosen already, it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        client.with_connect_timeout(CONNECT.min(deadline)).with_allow_http(address.transport == Transport::PlainHttp);
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(10), base: 2.0 };
    AmazonS3Builder::new()
        .with_endpoint(&address.endpoint)
        .with_region(&address.region)
        .with_bucket_name(&address.bucket)
        .with_access_key_id(&address.access_key)
        .with_secret_access_key(&address.secret_key)
        .with_client_options(client)
        .with_http_connector(SteadyConnector::default())
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: deadline })
        .build()
        .map_err(|error| BackendError::Refused(error.to_string()))
}

pub(crate) fn refine(error: &object_store::Error) -> BackendError {
    match error {
        object_store::Error::NotFound { .. } => BackendError::Missing,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. }
        | object_store::Error::NotSupported { .. }
        | object_store::Error::InvalidPath { .. } => BackendError::Refused(chain(error)),
        _ => {
            let text = chain(error);
            // For some requests, only the text contains the store's answer.
            let is_refused = ["status code: 401", "status code: 403"].iter().any(|code| text.contains(code));
            if is_refused { BackendError::Refused(text) } else { BackendError::Unreachable(text) }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
