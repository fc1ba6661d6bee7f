//! Checks packs: their content matches their names, and contains the blobs in the index.

use super::{CheckReport, DamagedPack, ReadData};
use crate::backend::{BackendError, FileId, FileKind};
use crate::damage::is_of_one_file;
use crate::error::Result;
use crate::format::index::Location;
use crate::format::{Index, IndexFile};
use crate::parallel::in_parallel;
use crate::reader::open_blob;
use crate::repository::Repository;
use fleet_core::grammar::{count, verb};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Locations from which a blob cannot be read, although an index names them.
pub(super) type BadPlaces = HashSet<(FileId, Location)>;

/// Result of reading one pack.
#[derive(Default)]
struct Looked {
    bytes: u64,
    bad: Vec<(FileId, Location)>,
    damage: Option<DamagedPack>,
    /// The pack's content matches its name, but an index describes it wrongly.
    is_misnamed: bool,
}

impl Repository {
    pub(super) fn check_packs(
        &self,
        index: &Index,
        marked: &BTreeSet<FileId>,
        read: ReadData,
        report: &mut CheckReport,
    ) -> Result<BadPlaces> {
        let there: BTreeMap<_, _> = self.list_files(FileKind::Pack)?.into_iter().collect();
        let mut blobs: Vec<Vec<(FileId, Location)>> = vec![Vec::new(); index.packs().len()];
        for (_, id, location) in index.blobs() {
            blobs[location.pack as usize].push((id, location));
        }
        // One of the two locations may be forged, and readers and prune would have to choose between them.
        let doubted: HashSet<u32> = index.doubled().into_iter().map(|(_, location)| location.pack).collect();
        let known: BTreeSet<_> = index.packs().iter().copied().collect();
        report.packs = known.len() as u64;
        report.unknown_packs = there.keys().filter(|id| !known.contains(*id) && !marked.contains(*id)).count() as u64;
        let work = index.packs().iter().zip(&blobs).zip(0..).filter_map(|((pack, blobs), number)| {
            let size = there.get(pack).copied();
            let is_suspect = size != Some(size_of_pack(blobs)) || doubted.contains(&number);
            (is_suspect || is_chosen(*pack, read)).then_some((*pack, size, blobs))
        });
        let work: Vec<_> = work.collect();
        let (mut bad, mut misnamed) = (BadPlaces::new(), BTreeMap::new());
        let looked = in_parallel(&work, |(pack, size, blobs)| self.look_into(*pack, *size, blobs))?;
        for ((pack, ..), looked) in work.iter().zip(looked) {
            report.packs_read += u64::from(looked.bytes > 0);
            report.bytes_read += looked.bytes;
            report.damaged_packs.extend(looked.damage);
            if looked.is_misnamed {
                misnamed.insert(*pack, looked.bad.iter().map(|(id, _)| *id).collect());
            }
            bad.extend(looked.bad);
        }
        report.damaged_packs.extend(self.who_misnames(&misnamed)?);
        Ok(bad)
    }

    /// Reads a whole pack. If it differs from its description, finds out which blobs are affected.
    fn look_into(&self, pack: FileId, size: Option<u64>, blobs: &[(FileId, Location)]) -> Result<Looked> {
        let content = match size.map(|_| self.place().read(FileKind::Pack, &pack)) {
            None | Some(Err(BackendError::Missing)) => Err("it is gone".to_owned()),
            Some(Err(BackendError::Io(error))) if is_of_one_file(&error) => Err(format!("it cannot be read: {error}")),
            Some(Err(error)) => return Err(self.at_place("read a pack")(error)),
            Some(Ok(content)) => Ok(content),
        };
        let damage = |reason: String| Some(DamagedPack { pack, reason });
        let content = match content {
            Ok(content) => content,
            Err(reason) => return Ok(Looked { bad: blobs.to_vec(), damage: damage(reason), ..Looked::default() }),
        };
        let bad = self.not_there(&content, blobs);
        let (bytes, expected) = (content.len() as u64, size_of_pack(blobs));
        let is_itself = Sha256::digest(&content)[..] == pack.0;
        let is_misnamed = is_itself && !(bad.is_empty() && bytes == expected);
        let reason = match (is_itself, bytes == expected) {
            (true, _) => return Ok(Looked { bytes, bad, damage: None, is_misnamed }),
            (false, true) => {
                format!("its content was changed: {} of {} cannot be read", bad.len(), count(blobs.len(), "blob"))
            }
            (false, false) => format!("it has {} instead of {expected}", count(bytes, "byte")),
        };
        Ok(Looked { bytes, bad, damage: damage(reason), is_misnamed })
    }

    /// Returns the blobs that are not at their stated locations in a pack.
    pub(crate) fn not_there(&self, content: &[u8], blobs: &[(FileId, Location)]) -> Vec<(FileId, Location)> {
        let is_there = |(id, location): &&(FileId, Location)| {
            let sealed = content.get(location.offset as usize..).and_then(|rest| rest.get(..location.length as usize));
            sealed.is_some_and(|sealed| open_blob(self.key(), id, *location, sealed).is_ok())
        };
        blobs.iter().filter(|blob| !is_there(blob)).copied().collect()
    }

    /// Finds the index files that describe packs wrongly; `misnamed` lists, for each pack, the blobs that it does not
    /// hold.
    fn who_misnames(&self, misnamed: &BTreeMap<FileId, BTreeSet<FileId>>) -> Result<Vec<DamagedPack>> {
        let mut found = Vec::new();
        if misnamed.is_empty() {
            return Ok(found);
        }
        self.each_index(|index, file: IndexFile| {
            for pack in file.packs {
                let Some(wrong) = misnamed.get(&pack.id) else { continue };
                let number = pack.blobs.iter().filter(|blob| wrong.contains(&blob.id)).count();
                let reason = match (wrong.len(), number) {
                    (0, _) => format!("index {index} does not name all that is in it"),
                    (_, 0) => continue,
                    (_, number) => {
                        let (blobs, are) = (count(number, "blob"), verb(number, "is", "are"));
                        format!("index {index} names {blobs} in it that {are} not there")
                    }
                };
                found.push(DamagedPack { pack: pack.id, reason });
            }
        })?;
        Ok(found)
    }
}

fn is_chosen(pack: FileId, read: ReadData) -> bool {
    match read {
        ReadData::Nothing => false,
        ReadData::All => true,
        ReadData::Part { part, of } => {
            let of = of.max(1);
            u32::from_le_bytes([pack.0[0], pack.0[1], pack.0[2], pack.0[3]]) % of == part % of
        }
    }
}

/// Returns the size of a pack with these blobs: the blobs, the sealed header that lists them, and the length of that
/// header.
fn size_of_pack(blobs: &[(FileId, Location)]) -> u64 {
    let entry = |location: &Location| u64::from(location.length) + if location.unpacked == 0 { 37 } else { 41 };
    blobs.iter().map(|(_, location)| entry(location)).sum::<u64>() + u64::from(crate::crypt::OVERHEAD) + 4
}
