//! A bucket with an app's data: read for a backup, filled by a restore. It is not the backend of a repository.
//!
//! **Invariant:** a key that makes no path is an error that names it, never another object's name.

mod fill;
mod inspect;
mod make;
mod read;

pub use fill::{Extra, Filled};
pub use inspect::{Looked, inspect};
pub(crate) use read::{Described, ObjectReader, note};

use crate::activity::ActivityCounter;
use crate::backend::{BackendError, S3Address, connected, refine};
use crate::error::{Error, Result};
use futures_util::StreamExt;
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectMeta, ObjectStore};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Deadline of one request including its retries; for a body, the time without new data.
const DEADLINE: Duration = Duration::from_secs(120);
/// Limit on the number of objects, because the listing is held in memory.
const MAX_OBJECTS: usize = 2_000_000;
/// No file system takes a longer name.
const MAX_NAME: usize = 255;
/// Extended attribute that holds the other properties of an object: its content type and its user metadata.
pub(crate) const ATTRIBUTE: &str = "user.s3";

/// A connection to a bucket. Called from blocking threads, from several at once.
pub(crate) struct Bucket {
    name: String,
    address: S3Address,
    /// Prefix without slashes around it.
    prefix: String,
    store: AmazonS3,
    runtime: Runtime,
    deadline: Duration,
    activity: ActivityCounter,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Below the prefix.
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

/// Properties by which a replaced object is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    /// Seconds and nanoseconds since 1970.
    pub(crate) modified: (i64, u32),
}

impl Stamp {
    fn of(meta: &ObjectMeta) -> Self {
        let modified = (meta.last_modified.timestamp(), meta.last_modified.timestamp_subsec_nanos());
        Self { size: meta.size, etag: meta.e_tag.clone(), modified }
    }

    /// Returns whether both describe the same content. Listings and responses write times in different ways, so those
    /// are compared loosely.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.size == other.size && self.etag == other.etag && (self.etag.is_some() || self.modified == other.modified)
    }
}

impl Bucket {
    /// Connects to nothing yet.
    pub(crate) fn new(address: &S3Address) -> Result<Self> {
        Self::with_deadline(address, DEADLINE)
    }

    pub(crate) fn with_deadline(address: &S3Address, deadline: Duration) -> Result<Self> {
        let name = format!("{}/{}", address.endpoint.trim_end_matches('/'), address.bucket);
        let failed = |source| Error::Bucket { doing: "open", bucket: name.clone(), source };
        // An object may take hours: it is given up when nothing comes, not when it is late.
        let client = ClientOptions::new().with_timeout_disabled().with_read_timeout(deadline);
        let store = connected(address, client, deadline).map_err(failed)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("bucket").enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.into()))?;
        let prefix = address.prefix.trim_matches('/').to_owned();
        Ok(Self {
            name,
            address: address.clone(),
            prefix,
            store,
            runtime,
            deadline,
            activity: ActivityCounter::default(),
        })
    }

    /// Sets the counter that grows with each response.
    pub(crate) fn with_activity(self, activity: ActivityCounter) -> Self {
        Self { activity, ..self }
    }

    fn failed(&self, doing: &'static str) -> impl Fn(BackendError) -> Error + '_ {
        move |source| match source {
            // For an object, that is no error anywhere.
            BackendError::Missing => Error::Bucket {
                doing,
                bucket: self.name.clone(),
                source: BackendError::Refused("there is no such bucket".to_owned()),
            },
            source => Error::Bucket { doing, bucket: self.name.clone(), source },
        }
    }

    fn wait<T>(&self, answer: impl Future<Output = object_store::Result<T>>) -> Result<T, BackendError> {
        self.runtime.block_on(async {
            match tokio::time::timeout(self.deadline, answer).await {
                Ok(answer) => {
                    self.activity.beat();
                    answer.map_err(|error| refine(&error))
                }
                Err(_) => Err(BackendError::Late(format!("not within {} s", self.deadline.as_secs()))),
            }
        })
    }

    /// Returns the key for a path below the prefix.
    fn key(&self, path: &Path) -> Result<Key> {
        let text = path.to_str().map(|path| match self.prefix.as_str() {
            "" => path.to_owned(),
            prefix => format!("{prefix}/{path}"),
        });
        let key = text.as_ref().and_then(|text| Key::parse(text).ok().filter(|key| key.as_ref() == text));
        key.ok_or_else(|| Error::refused(format!("`{}` is no key of an object", path.display())))
    }

    /// Returns all objects below the prefix in the order of their paths; each path belongs to one object, and no object
    /// is another's folder.
    pub(crate) fn list(&self) -> Result<Vec<ListedObject>> {
        self.sorted(self.listed())
    }

    fn sorted(&self, listed: Result<Vec<ListedObject>, ListError>) -> Result<Vec<ListedObject>> {
        match listed {
            Err(ListError::Backend(error)) => Err(self.failed("list")(error)),
            Err(ListError::Key(reason)) => Err(Error::Source { name: self.name.clone(), reason }),
            Ok(found) => {
                in_order(found).map_err(|clash| Error::Source { name: self.name.clone(), reason: clash.to_string() })
            }
        }
    }

    fn listed(&self) -> Result<Vec<ListedObject>, ListError> {
        let prefix = Key::parse(&self.prefix).map_err(|error| ListError::Key(error.to_string()))?;
        let mut listing = self.store.list(Some(&prefix).filter(|prefix| !prefix.as_ref().is_empty()));
        let mut found = Vec::new();
        // Page by page: all of them may take long.
        while let Some(meta) = self.wait(async { listing.next().await.transpose() })? {
            if found.len() == MAX_OBJECTS {
                return Err(ListError::Key(format!("it has more than {MAX_OBJECTS} objects")));
            }
            found.push(ListedObject { path: self.below(&meta.location)?, stamp: Stamp::of(&meta) });
        }
        Ok(found)
    }

    fn below(&self, key: &Key) -> Result<PathBuf, ListError> {
        let text = key.as_ref();
        let below = match self.prefix.as_str() {
            "" => Some(text),
            prefix => text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')),
        };
        let is_path =
            |path: &&str| path.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'));
        let path = below.filter(is_path).ok_or_else(|| ListError::Key(format!("the key `{text}` makes no path")))?;
        match path.split('/').find(|name| name.len() > MAX_NAME) {
            Some(_) => Err(ListError::Key(format!("the key `{text}` has a part of more than {MAX_NAME} bytes"))),
            None => Ok(PathBuf::from(path)),
        }
    }
}

enum ListError {
    Backend(BackendError),
    Key(String),
}

impl From<BackendError> for ListError {
    fn from(error: BackendError) -> Self {
        match &error {
            // A key that the client cannot parse is reported only in the text of the error.
            BackendError::Refused(text) | BackendError::Unreachable(text) if text.contains("segment") => {
                Self::Key(format!("one of its keys makes no path: {text}"))
            }
            // The same applies to a listing.
            BackendError::Unreachable(text) if text.contains("NoSuchBucket") => Self::Backend(BackendError::Missing),
            _ => Self::Backend(error),
        }
    }
}

/// Two keys that cannot both be files.
#[derive(Debug, thiserror::Error)]
#[error("the keys `{one}` and `{other}` cannot both be files of one folder")]
struct KeyClash {
    one: String,
    other: String,
}

/// Sorts objects by path, part by part. A folder's marker (`a/`, empty) is listed under the folder's name and is
/// dropped.
fn in_order(mut found: Vec<ListedObject>) -> Result<Vec<ListedObject>, KeyClash> {
    found.sort_by(|a, b| a.path.cmp(&b.path).then(b.stamp.size.cmp(&a.stamp.size)));
    let is_in = |whole: &ListedObject, part: &ListedObject| part.path.starts_with(&whole.path);
    let mut kept: Vec<ListedObject> = Vec::with_capacity(found.len());
    for next in found {
        let Some(last) = kept.last().filter(|last| is_in(last, &next)) else {
            kept.push(next);
            continue;
        };
        let (one, other) = (last.path.display(), next.path.display());
        match (last.stamp.size, next.stamp.size) {
            (0, _) if last.path != next.path => {
                kept.pop();
                kept.push(next);
            }
            (_, 0) if last.path == next.path => {}
            _ => return Err(KeyClash { one: one.to_string(), other: other.to_string() }),
        }
    }
    Ok(kept)
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
