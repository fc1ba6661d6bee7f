//! PostgreSQL: a script with a final comment that it is complete. Newer versions restrict the script's commands at the
//! beginning, and lift that with the same key at the very end.

use super::{DumpError, EngineKind};

const COMPLETE: &[u8] = b"--\n-- PostgreSQL database dump complete\n--\n\n";
const RESTRICT: &[u8] = b"\\restrict ";
/// Line after the restriction: data follow, in which a line may be anything.
const DUMPED: &[u8] = b"-- Dumped from ";
/// The longest part of a line that is looked at.
const LINE_LIMIT: usize = 160;

#[derive(Debug, Clone, Default)]
pub struct Script {
    line: Vec<u8>,
    key: Option<Vec<u8>>,
    is_past_header: bool,
}

impl Script {
    pub fn observe(&mut self, bytes: &[u8]) {
        if self.is_past_header {
            return;
        }
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < LINE_LIMIT {
                    self.line.push(*byte);
                }
                continue;
            }
            self.key = self.line.strip_prefix(RESTRICT).map(<[u8]>::to_vec);
            self.is_past_header = self.key.is_some() || self.line.starts_with(DUMPED);
            self.line.clear();
            if self.is_past_header {
                return;
            }
        }
    }

    pub fn verdict(&self, head: &[u8], tail: &[u8]) -> Result<(), DumpError> {
        if !head.starts_with(b"--") {
            return Err(DumpError::WrongBeginning { engine: EngineKind::Postgresql });
        }
        let end = match &self.key {
            Some(key) => [COMPLETE, b"\\unrestrict ", key, b"\n\n"].concat(),
            None => COMPLETE.to_vec(),
        };
        if tail.ends_with(&end) {
            return Ok(());
        }
        Err(DumpError::BreaksOff { engine: EngineKind::Postgresql })
    }
}
