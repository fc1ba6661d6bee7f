//! Objects, described and read.

use super::{ATTRIBUTE, Bucket, ListedObject, Stamp};
use crate::backend::{BackendError, refine};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::{Attribute, Attributes, GetOptions, ObjectStore};
use rustic_core::repofile::Metadata;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Number of objects whose metadata is requested at the same time.
const AT_ONCE: usize = 16;
/// A line that breaks in the middle of an object is tried again so often.
const ATTEMPTS: u32 = 5;

/// An object with its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) found: ListedObject,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Bucket {
    /// Requests the metadata of objects. Objects that no longer exist are left out.
    pub(crate) fn describe(&self, found: &[ListedObject]) -> Vec<Result<Described, (PathBuf, BackendError)>> {
        let asking = stream::iter(found).map(async |found| {
            let described = self.described(found).await;
            described.map_err(|error| (found.path.clone(), error))
        });
        self.runtime.block_on(asking.buffered(AT_ONCE).collect())
    }

    async fn described(&self, found: &ListedObject) -> Result<Described, BackendError> {
        let key = self.key(&found.path).map_err(|error| BackendError::Refused(error.to_string()))?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        let answer = tokio::time::timeout(self.deadline, self.store.get_opts(&key, options)).await;
        let late = |_| BackendError::Late(format!("not within {} s", self.deadline.as_secs()));
        let answer = answer.map_err(late)?.map_err(|error| refine(&error))?;
        self.activity.beat();
        let now = Stamp::of(&answer.meta);
        let stamp = if now.is_same(&found.stamp) { found.stamp.clone() } else { now };
        let attributes = words(&answer.attributes);
        Ok(Described { found: ListedObject { path: found.path.clone(), stamp }, attributes })
    }

    /// Opens an object: as it is now, and its content.
    pub(crate) fn open(self: &Arc<Self>, path: &Path) -> Result<(Stamp, ObjectReader), BackendError> {
        let (stamp, pieces) = self.get(path)?;
        let reader = ObjectReader {
            bucket: self.clone(),
            path: path.to_owned(),
            stamp: stamp.clone(),
            pieces,
            piece: Bytes::new(),
            given: 0,
            attempts: ATTEMPTS,
        };
        Ok((stamp, reader))
    }

    fn get(&self, path: &Path) -> Result<(Stamp, Pieces), BackendError> {
        let key = self.key(path).map_err(|error| BackendError::Refused(error.to_string()))?;
        let answer = self.wait(self.store.get_opts(&key, GetOptions::default()))?;
        Ok((Stamp::of(&answer.meta), answer.into_stream()))
    }
}

type Pieces = BoxStream<'static, object_store::Result<Bytes>>;

/// Content of one object. An interrupted read is repeated without yielding bytes twice.
pub(crate) struct ObjectReader {
    bucket: Arc<Bucket>,
    path: PathBuf,
    stamp: Stamp,
    pieces: Pieces,
    piece: Bytes,
    given: u64,
    attempts: u32,
}

impl ObjectReader {
    /// The next bytes; none at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let next = self.bucket.wait(async { self.pieces.next().await.transpose() });
            let error = match next {
                Ok(None) if self.given == self.stamp.size => return Ok(None),
                Ok(None) => BackendError::Unreachable("it ended too early".to_owned()),
                Ok(Some(piece)) => {
                    self.given += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Err(error) => error,
            };
            if self.attempts == 0 {
                return Err(io::Error::other(error));
            }
            self.attempts -= 1;
            let left = self.begin_anew(error)?;
            if !left.is_empty() {
                self.given += left.len() as u64;
                return Ok(Some(left));
            }
        }
    }

    /// Requests the rest of the object again; returns bytes that arrived with the interruption and were not yielded
    /// yet.
    fn begin_anew(&mut self, because: BackendError) -> io::Result<Bytes> {
        let (stamp, pieces) = self.bucket.get(&self.path).map_err(|_| io::Error::other(because))?;
        if !stamp.is_same(&self.stamp) {
            return Err(io::Error::other("it was replaced while the line to it was broken"));
        }
        self.pieces = pieces;
        let mut skip = self.given;
        while skip > 0 {
            let next = self.bucket.wait(async { self.pieces.next().await.transpose() });
            match next.map_err(io::Error::other)? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(piece) => match usize::try_from(skip).ok().filter(|skip| *skip < piece.len()) {
                    Some(skip) => return Ok(piece.slice(skip..)),
                    None => skip -= piece.len() as u64,
                },
            }
        }
        Ok(Bytes::new())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        // A short read would make the chunker slow for good.
        while filled < buffer.len() {
            if self.piece.is_empty() {
                match self.next()? {
                    Some(piece) => self.piece = piece,
                    None => break,
                }
            }
            let count = (buffer.len() - filled).min(self.piece.len());
            buffer[filled..filled + count].copy_from_slice(&self.piece.split_to(count));
            filled += count;
        }
        Ok(filled)
    }
}

/// By the names that they have in HTTP.
fn words(attributes: &Attributes) -> BTreeMap<String, String> {
    let named = attributes.iter().filter_map(|(attribute, value)| {
        let name = match attribute {
            Attribute::ContentType => "content-type".to_owned(),
            Attribute::ContentEncoding => "content-encoding".to_owned(),
            Attribute::ContentLanguage => "content-language".to_owned(),
            Attribute::ContentDisposition => "content-disposition".to_owned(),
            Attribute::CacheControl => "cache-control".to_owned(),
            Attribute::Metadata(name) => format!("{USER}{name}"),
            // The new bucket decides about the storage class.
            _ => return None,
        };
        Some((name, value.as_ref().to_owned()))
    });
    named.collect()
}

const USER: &str = "x-amz-meta-";

/// The same, back.
fn attributes(words: &BTreeMap<String, String>) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in words {
        let attribute = match name.as_str() {
            "content-type" => Attribute::ContentType,
            "content-encoding" => Attribute::ContentEncoding,
            "content-language" => Attribute::ContentLanguage,
            "content-disposition" => Attribute::ContentDisposition,
            "cache-control" => Attribute::CacheControl,
            other => match other.strip_prefix(USER) {
                Some(name) => Attribute::Metadata(name.to_owned().into()),
                None => continue,
            },
        };
        attributes.insert(attribute, value.clone().into());
    }
    attributes
}

/// Stores the metadata of an object in the metadata of its file in the snapshot.
pub(crate) fn note(described: &Described, meta: &mut Metadata) -> serde_json::Result<()> {
    if described.attributes.is_empty() {
        return Ok(());
    }
    let value = serde_json::to_vec(&described.attributes)?;
    // rustic_core does not show the type it keeps them in, but its fields.
    meta.extended_attributes = serde_json::from_value(serde_json::json!([{ "name": ATTRIBUTE, "value": null }]))?;
    meta.extended_attributes.iter_mut().for_each(|attribute| attribute.value = Some(value.clone()));
    Ok(())
}

/// Returns the metadata of an object that the snapshot holds.
pub(super) fn noted(meta: &Metadata) -> Attributes {
    let kept = meta.extended_attributes.iter().find(|attribute| attribute.name == ATTRIBUTE);
    let words = kept.and_then(|attribute| serde_json::from_slice(attribute.value.as_deref()?).ok());
    attributes(&words.unwrap_or_default())
}
