//! Index of the packs that arrive during a run.
//!
//! rustic_core writes its index every five minutes or 50,000 blobs. Packs that arrived before a crash and are in no
//! index would be sent again. **Invariant:** nothing is removed here, and only packs that are stored whole are added to
//! the index.

use crate::backend::{Backend, BackendError, FileId, FileKind};
use crate::crypt::Key;
use crate::format::{IndexFile, IndexPack, pack};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum time that a pack is stored without being in an index.
pub(crate) const EVERY: Duration = Duration::from_secs(30);

/// Keeps the stored index up to date during a run.
pub(crate) struct Register {
    key: Key,
    every: Duration,
    open: Mutex<Open>,
}

struct Open {
    waiting: Vec<IndexPack>,
    written: HashSet<FileId>,
    since: Instant,
}

impl Register {
    /// Makes a register that names a pack after at most `every`.
    pub(crate) fn new(key: Key, every: Duration) -> Self {
        let open = Open { waiting: Vec::new(), written: HashSet::new(), since: Instant::now() };
        Self { key, every, open: Mutex::new(open) }
    }

    /// Notes a pack that has been stored, and writes an index of the waiting packs when it is time.
    pub(crate) fn arrived(&self, place: &dyn Backend, id: FileId, content: &[Bytes]) -> Result<(), BackendError> {
        // A pack is written as its blobs, one piece each, its header and the header's length. Where that is ever different,
        // the index that rustic_core writes at the end is enough.
        let Some((_, [header, length])) = content.split_last_chunk::<2>() else { return Ok(()) };
        let size = content.iter().map(|piece| piece.len() as u64).sum();
        let is_header =
            <[u8; 4]>::try_from(length.as_ref()).ok().and_then(pack::header_length) == u32::try_from(header.len()).ok();
        let Some(pack) = is_header.then(|| pack::read_header(&self.key, id, header, size)).flatten() else {
            return Ok(());
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.waiting.push(pack);
        if open.since.elapsed() >= self.every { self.write_waiting(place, &mut open) } else { Ok(()) }
    }

    /// Names everything that waits.
    pub(crate) fn flush(&self, place: &dyn Backend) -> Result<(), BackendError> {
        self.write_waiting(place, &mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write_waiting(&self, place: &dyn Backend, open: &mut Open) -> Result<(), BackendError> {
        let waiting = std::mem::take(&mut open.waiting);
        open.since = Instant::now();
        if waiting.is_empty() {
            return Ok(());
        }
        if let Err(error) = write_index(&self.key, place, &waiting) {
            open.waiting = waiting;
            return Err(error);
        }
        open.written.extend(waiting.iter().map(|pack| pack.id));
        Ok(())
    }

    /// Receives an index file from rustic_core, and writes its entries that are not in an index yet.
    pub(crate) fn write_index(&self, place: &dyn Backend, id: FileId, content: &[Bytes]) -> Result<(), BackendError> {
        let refused = |reason: String| BackendError::Refused(format!("index {id} cannot be read: {reason}"));
        let sealed = content.concat();
        let opened = self.key.open_file(&sealed).map_err(|error| refused(error.to_string()))?;
        let file: IndexFile = serde_json::from_slice(&opened).map_err(|error| refused(error.to_string()))?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |pack: &IndexPack| open.written.contains(&pack.id);
        if !file.packs.iter().any(named) {
            place.write(FileKind::Index, &id, content)?;
            open.written.extend(file.packs.iter().map(|pack| pack.id));
        } else {
            let rest: Vec<_> = file.packs.into_iter().filter(|pack| !open.written.contains(&pack.id)).collect();
            if !rest.is_empty() {
                write_index(&self.key, place, &rest)?;
                open.written.extend(rest.iter().map(|pack| pack.id));
            }
        }
        let Open { waiting, written, .. } = &mut *open;
        waiting.retain(|pack| !written.contains(&pack.id));
        Ok(())
    }
}

pub(crate) fn write_index(key: &Key, place: &dyn Backend, packs: &[IndexPack]) -> Result<(), BackendError> {
    let refused = |error: String| BackendError::Refused(format!("an index cannot be sealed: {error}"));
    let file = IndexFile { packs: packs.to_vec(), packs_to_delete: Vec::new() };
    let json = serde_json::to_vec(&file).map_err(|error| refused(error.to_string()))?;
    let sealed = key.seal_file(&json).map_err(|error| refused(error.to_string()))?;
    let id = FileId(Sha256::digest(&sealed).into());
    place.write(FileKind::Index, &id, &[Bytes::from(sealed)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Stream;
    use crate::backend::FolderBackend;
    use crate::backup::Part;
    use crate::repository::Repository;
    use crate::secrets::Secrets;
    use fleet_core::time::Time;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn packs_are_named_as_they_arrive_and_each_only_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::generate().expect("secrets");
        let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path()));
        let mut repository = Repository::create(&place, &secrets).expect("created");
        repository.name_packs_every(Duration::ZERO);
        let part = Part {
            backup: "0000000000000000000000b1".parse().expect("an id"),
            host: "a".parse().expect("a name"),
            time: Time(1),
        };
        let mut noise = vec![0; 40 << 20];
        getrandom::fill(&mut noise).expect("noise");
        let reader = Box::new(std::io::Cursor::new(noise));
        let stream = Stream { name: "a".to_owned(), expected: None, reader };
        repository.archive_streams(&part, vec![stream], &Arc::default()).expect("archived");

        let (mut files, mut times_named) = (0, BTreeMap::new());
        let counted = repository.each_index(|_, file: IndexFile| {
            files += 1;
            file.packs.iter().for_each(|pack| *times_named.entry(pack.id).or_insert(0) += 1);
        });
        assert_eq!(counted.expect("counted"), []);
        let packs = repository.list_files(FileKind::Pack).expect("listed");
        assert!(packs.len() > 3 && files > 3, "{} packs, {files} indexes", packs.len());
        assert_eq!(times_named, packs.into_iter().map(|(id, _)| (id, 1)).collect());
    }
}
