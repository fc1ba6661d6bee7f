//! How one run goes through rustic_core: what it cuts its data into, and what it reads and leaves behind.

use crate::gate::Gate;
use crate::resume::Register;
use crate::rustic_backend::Snapshots;
use std::sync::Arc;

const KIB: usize = 1024;
/// A dump is cut into a million chunks at the most: an index entry takes about 60 bytes of memory.
const MAX_CHUNKS: u64 = 1 << 20;

/// Into what sizes a run cuts its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// restic's: 512 KiB to 8 MiB.
    Default,
    /// About this many bytes each, a power of two.
    Small(usize),
}

impl Chunks {
    /// For a dump of so many bytes: 16 KiB up to 16 GiB, and twice as much for each doubling from there. Rows that change
    /// here and there in a dump cost a chunk each.
    pub(crate) fn for_dump(expected: u64) -> Self {
        let least = expected.div_ceil(MAX_CHUNKS).clamp(16 * KIB as u64, 1 << 40).next_power_of_two();
        match usize::try_from(least) {
            Ok(size) if size < 1024 * KIB => Self::Small(size),
            _ => Self::Default,
        }
    }
}

/// How one run goes through rustic_core.
pub(crate) struct Run {
    pub(crate) chunks: Chunks,
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) register: Option<Arc<Register>>,
    pub(crate) snapshots: Snapshots,
    pub(crate) removal: Removal,
    pub(crate) indexes: Indexes,
}

/// Which index files a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexes {
    All,
    /// What only a damaged one names is sent once more.
    ThatCanBeRead,
}

/// In which order a prune removes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Index files before the packs that they name: right where nobody else is there.
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
