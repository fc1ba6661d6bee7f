//! Neo4j: a magic word, then compressed frames, which contain their own lengths.

use super::{DumpError, EngineKind};

/// Bytes before the frames: for zstd compression, and for gzip compression.
const ZSTD: &[u8] = b"DZV1";
const GZIP: [&[u8]; 2] = [b"DGV1", b"\x1f\x8b"];
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Walks over the frames without decompressing them.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    state: State,
    /// The bytes of a header that have come so far.
    held: Vec<u8>,
    has_checksum: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Word,
    /// Between frames: the dump may end here.
    Magic,
    Header,
    Block,
    Skip {
        left: u64,
        is_last: bool,
    },
    Checksum {
        left: u64,
    },
    /// Other data, which cannot be checked.
    Other,
}

impl Frames {
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.state != State::Other {
            match self.state {
                State::Skip { left, is_last } => {
                    let here = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(here).unwrap_or(bytes.len())..];
                    self.state = self.after_skip(left - here, is_last);
                }
                State::Checksum { left } => {
                    let here = left.min(bytes.len() as u64);
                    bytes = &bytes[usize::try_from(here).unwrap_or(bytes.len())..];
                    self.state = if left == here { State::Magic } else { State::Checksum { left: left - here } };
                }
                State::Word | State::Magic | State::Header | State::Block | State::Other => {
                    self.held.push(bytes[0]);
                    bytes = &bytes[1..];
                    self.read_header();
                }
            }
        }
    }

    fn read_header(&mut self) {
        let next = match (self.state, self.held.as_slice()) {
            (State::Word, word) if word.len() == ZSTD.len() => {
                Some(if word == ZSTD { State::Magic } else { State::Other })
            }
            (State::Magic, magic) if magic.len() == FRAME.len() => {
                Some(if *magic == FRAME { State::Header } else { State::Other })
            }
            (State::Header, [flags, rest @ ..]) if rest.len() == header_length(*flags) => {
                self.has_checksum = flags & 4 != 0;
                Some(State::Block)
            }
            (State::Block, [a, b, c]) => {
                let word = u64::from(u32::from_le_bytes([*a, *b, *c, 0]));
                let is_last = word & 1 == 1;
                // A block of one repeated byte holds that byte alone.
                let left = if (word >> 1) & 3 == 1 { 1 } else { word >> 3 };
                Some(self.after_skip(left, is_last))
            }
            _ => None,
        };
        if let Some(next) = next {
            self.state = next;
            self.held.clear();
        }
    }

    fn after_skip(&self, left: u64, is_last: bool) -> State {
        match (left, is_last) {
            (0, false) => State::Block,
            (0, true) if self.has_checksum => State::Checksum { left: 4 },
            (0, true) => State::Magic,
            (left, is_last) => State::Skip { left, is_last },
        }
    }

    pub fn verdict(&self, head: &[u8]) -> Result<(), DumpError> {
        if GZIP.iter().any(|magic| head.starts_with(magic)) {
            // Such a stream has no mark of its end: the tool's exit code must be enough.
            return Ok(());
        }
        if !head.starts_with(ZSTD) {
            return Err(DumpError::WrongBeginning { engine: EngineKind::Neo4j });
        }
        let is_whole = self.state == State::Magic && self.held.is_empty() && head.len() > ZSTD.len();
        match self.state {
            _ if is_whole => Ok(()),
            State::Other if head.get(4..8).is_some_and(|magic| magic != FRAME) => Ok(()),
            _ => Err(DumpError::BreaksOff { engine: EngineKind::Neo4j }),
        }
    }
}

/// Returns the number of further bytes of a frame's header, from its first byte.
fn header_length(flags: u8) -> usize {
    let is_single = flags & 0x20 != 0;
    let window = usize::from(!is_single);
    let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
    let size = match flags >> 6 {
        0 => usize::from(is_single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    window + dictionary + size
}
