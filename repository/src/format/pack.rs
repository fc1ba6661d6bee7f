//! Packs: the end of a pack lists its content, so that one that no index names can be added.

use super::{BlobKind, IndexBlob, IndexPack};
use crate::backend::FileId;
use crate::crypt::{Key, OVERHEAD, Unopened};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A header longer than this is not taken for one: it would name more than a million blobs.
pub(crate) const MAX_HEADER: u32 = 64 << 20;
const LENGTH: usize = 4;

/// The length of the sealed header, from the last four bytes of a pack.
pub(crate) fn header_length(last: [u8; LENGTH]) -> Option<u32> {
    let length = u32::from_le_bytes(last);
    (OVERHEAD..=MAX_HEADER).contains(&length).then_some(length)
}

/// Parses the sealed header of a pack of `size` bytes into its list of blobs. Returns nothing if the header does not
/// fit the pack.
pub(crate) fn read_header(key: &Key, id: FileId, sealed: &[u8], size: u64) -> Option<IndexPack> {
    let header = key.open(sealed).ok()?;
    let (mut rest, mut offset, mut blobs) = (header.as_slice(), 0_u32, Vec::new());
    while let Some((&form, after)) = rest.split_first() {
        let kind = if form & 1 == 0 { BlobKind::Data } else { BlobKind::Tree };
        let (length, after) = number(after)?;
        let (uncompressed_length, after) = match form {
            0 | 1 => (None, after),
            2 | 3 => number(after).map(|(unpacked, after)| (Some(unpacked), after))?,
            _ => return None,
        };
        let (id, after) = after.split_first_chunk::<32>()?;
        blobs.push(IndexBlob { id: FileId(*id), kind, offset, length, uncompressed_length });
        offset = offset.checked_add(length)?;
        rest = after;
    }
    let is_whole = u64::from(offset) + (sealed.len() + LENGTH) as u64 == size;
    is_whole.then_some(IndexPack { id, blobs })
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// A pack of trees, ready to be written.
pub(crate) struct NewPack {
    pub(crate) content: Vec<Bytes>,
    pub(crate) entry: IndexPack,
}

/// Packs, seals and names trees.
pub(crate) fn pack_trees(key: &Key, trees: &[Vec<u8>]) -> Result<NewPack, Unopened> {
    let (mut content, mut header, mut blobs, mut offset) = (Vec::new(), Vec::new(), Vec::new(), 0_u32);
    for tree in trees {
        let packed = zstd::bulk::compress(tree, 0).map_err(|error| Unopened::Packing(error.to_string()))?;
        let sealed = key.seal(&packed)?;
        let too_large = |_| Unopened::Packing("a folder has too many entries".to_owned());
        let length = u32::try_from(sealed.len()).map_err(too_large)?;
        let unpacked = u32::try_from(tree.len()).map_err(too_large)?;
        let id = FileId(Sha256::digest(tree).into());
        header.push(3);
        header.extend(length.to_le_bytes());
        header.extend(unpacked.to_le_bytes());
        header.extend(id.0);
        blobs.push(IndexBlob { id, kind: BlobKind::Tree, offset, length, uncompressed_length: Some(unpacked) });
        offset += length;
        content.push(Bytes::from(sealed));
    }
    let header = key.seal(&header)?;
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    content.extend([Bytes::from(header), Bytes::copy_from_slice(&length.to_le_bytes())]);
    let mut hash = Sha256::new();
    content.iter().for_each(|piece| hash.update(piece));
    Ok(NewPack { content, entry: IndexPack { id: FileId(hash.finalize().into()), blobs } })
}
