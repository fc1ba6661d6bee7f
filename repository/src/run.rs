//! Settings of one run through rustic_core: chunk sizes, index files to read, and whether data is removed.

use crate::gate::Gate;
use crate::register::Register;
use crate::rustic_backend::Snapshots;
use std::sync::Arc;

const KIB: usize = 1024;
/// Maximum number of chunks of a dump. An index entry takes about 60 bytes of memory.
const MAX_CHUNKS: u64 = 1 << 20;

/// Chunk sizes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// restic's: 512 KiB to 8 MiB.
    Default,
    /// About this many bytes each, a power of two.
    Small(usize),
}

impl Chunks {
    /// Returns the chunk size for a dump of the expected number of bytes: 16 KiB up to 16 GiB, then doubled with each
    /// doubling of the dump. Scattered changes of rows cost one chunk each.
    pub(crate) fn for_dump(expected: u64) -> Self {
        let least = expected.div_ceil(MAX_CHUNKS).clamp(16 * KIB as u64, 1 << 40).next_power_of_two();
        match usize::try_from(least) {
            Ok(size) if size < 1024 * KIB => Self::Small(size),
            _ => Self::Default,
        }
    }
}

/// Settings of one run through rustic_core.
pub(crate) struct Run {
    pub(crate) chunks: Chunks,
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) register: Option<Arc<Register>>,
    pub(crate) snapshots: Snapshots,
    pub(crate) removal: Removal,
    pub(crate) indexes: Indexes,
}

/// Index files that a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexes {
    All,
    /// Blobs that only a damaged index names are sent again.
    ThatCanBeRead,
}

/// Order in which a prune removes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Index files before the packs that they name: correct without other users.
    IndexFirst,
    /// Packs before the index files that mark them: right where a run may begin meanwhile.
    PacksFirst,
}

impl Run {
    /// A run that archives nothing.
    pub(crate) fn upkeep(removal: Removal) -> Self {
        Self {
            chunks: Chunks::Default,
            gate: None,
            register: None,
            snapshots: Snapshots::Here,
            removal,
            indexes: Indexes::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_with_the_dump_so_that_an_index_stays_small() {
        for (gib, kib) in [(0, 16), (1, 16), (16, 16), (17, 32), (32, 32), (64, 64), (500, 512)] {
            assert_eq!(Chunks::for_dump(gib << 30), Chunks::Small(kib * KIB), "{gib} GiB");
        }
        assert_eq!(Chunks::for_dump(2 << 40), Chunks::Default);
        assert_eq!(Chunks::for_dump(u64::MAX), Chunks::Default);
    }
}
