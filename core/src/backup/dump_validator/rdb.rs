//! Redis: the file ends with a mark and a checksum over all before it.

use super::{DumpError, EngineKind};
use std::sync::OnceLock;

/// The mark of the end, and the checksum behind it.
const END: usize = 9;
const MARK: u8 = 0xff;

#[derive(Debug, Clone, Default)]
pub struct Rdb {
    crc: u64,
    /// The last bytes, which may be the checksum and are no part of it.
    held: Vec<u8>,
}

impl Rdb {
    pub fn observe(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let sure = self.held.len().saturating_sub(END - 1);
        self.crc = crc(self.crc, &self.held[..sure]);
        self.held.drain(..sure);
    }

    pub fn verdict(&self, head: &[u8], tail: &[u8]) -> Result<(), DumpError> {
        if !head.starts_with(b"REDIS") {
            return Err(DumpError::WrongBeginning { engine: EngineKind::Redis });
        }
        let is_marked = tail.len() > END && tail[tail.len() - END] == MARK;
        let said: Option<[u8; 8]> = self.held.as_slice().try_into().ok();
        let said = said.map(u64::from_le_bytes).filter(|_| is_marked);
        match said {
            None => Err(DumpError::BreaksOff { engine: EngineKind::Redis }),
            // The server is configured to write none.
            Some(0) => Ok(()),
            Some(said) if said == self.crc => Ok(()),
            Some(_) => Err(DumpError::WrongChecksum),
        }
    }
}

/// CRC-64 as Redis has it.
pub(super) fn crc(start: u64, bytes: &[u8]) -> u64 {
    static TABLE: OnceLock<[u64; 256]> = OnceLock::new();
    let table = TABLE.get_or_init(table);
    bytes.iter().fold(start, |crc, byte| table[usize::from((crc as u8) ^ byte)] ^ (crc >> 8))
}

fn table() -> [u64; 256] {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    let mut table = [0; 256];
    for (index, entry) in table.iter_mut().enumerate() {
        *entry = (0..8).fold(index as u64, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 });
    }
    table
}
