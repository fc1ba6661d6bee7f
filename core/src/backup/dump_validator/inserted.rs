//! Counts the rows of a script of MariaDB or MySQL while it streams by: each is a pair of brackets in a statement that inserts.

use std::collections::BTreeMap;

/// Lines of a dump before and after a table's rows. A name with line breaks is split in these comments, but the
/// statement that locks the table has it unchanged. Elsewhere, a line with an insert is part of a user's procedure.
const ANNOUNCED: &[u8] = b"-- Dumping data for table `";
const LOCKED: &[u8] = b"LOCK TABLES `";
const OVER: &[u8] = b"UNLOCK TABLES;";
const BEGIN: &[u8] = b"INSERT INTO ";
/// Room for a name of 64 letters, each of which may be a quote that is written twice.
const HEAD: usize = 640;

#[derive(Debug, Clone, Default)]
pub struct Inserted {
    head: Vec<u8>,
    place: ParserState,
    table: String,
    /// The table has been announced, and nothing more of it has come.
    is_pending: bool,
    rows: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ParserState {
    /// In a line before or after a table's rows.
    #[default]
    Script,
    /// In a line between the statements with rows.
    Data,
    /// In a statement before its rows: in a name, or between names.
    Names { is_quoted: bool },
    /// Among rows: between them or in one.
    Rows { is_inside: bool },
    /// In a text of a row; the next letter may be escaped.
    Text { is_escaped: bool },
}

impl Inserted {
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                ParserState::Script | ParserState::Data => self.line(bytes),
                ParserState::Names { .. } | ParserState::Rows { .. } | ParserState::Text { .. } => {
                    self.statement(bytes)
                }
            };
        }
    }

    /// By the name of the table: a dump is of one database.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let mut rows = self.rows.clone();
        if self.is_pending {
            rows.entry(self.table.clone()).or_default();
        }
        rows
    }

    /// The table's name is known.
    fn settle(&mut self) {
        if std::mem::take(&mut self.is_pending) {
            self.rows.entry(self.table.clone()).or_default();
        }
    }

    /// Reads to the end of a line, or to the beginning of a statement with rows.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.place == ParserState::Data && self.head.len() < BEGIN.len() {
            let missing = &BEGIN[self.head.len()..];
            let common = bytes.iter().zip(missing).take_while(|(one, other)| one == other).count();
            let is_so_far = BEGIN.starts_with(&self.head);
            if is_so_far && common > 0 {
                self.head.extend_from_slice(&bytes[..common]);
                if self.head.len() == BEGIN.len() {
                    self.head.clear();
                    self.place = ParserState::Names { is_quoted: false };
                }
                return &bytes[common..];
            }
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else { return &[] };
        if self.place == ParserState::Data && self.is_in_name() {
            self.head.push(b'\n');
            return &bytes[end + 1..];
        }
        if let Some(rest) = self.head.strip_prefix(ANNOUNCED) {
            let quoted = String::from_utf8_lossy(rest.strip_suffix(b"`").unwrap_or(rest)).into_owned();
            self.settle();
            self.table = quoted.replace("``", "`");
            self.is_pending = true;
            self.place = ParserState::Data;
        } else if let Some(rest) = self.head.strip_prefix(LOCKED).filter(|_| self.is_pending) {
            let end = rest.iter().rposition(|byte| *byte == b'`').unwrap_or(rest.len());
            self.table = String::from_utf8_lossy(&rest[..end]).replace("``", "`");
            self.settle();
        } else if self.head.starts_with(OVER) {
            self.settle();
            self.place = ParserState::Script;
        }
        self.head.clear();
        &bytes[end + 1..]
    }

    /// Returns whether the current line is part of a name that continues.
    fn is_in_name(&self) -> bool {
        let quotes = self.head.iter().filter(|byte| **byte == b'`').count();
        self.is_pending && self.head.starts_with(LOCKED) && quotes % 2 == 1 && self.head.len() < HEAD
    }

    /// Reads to the end of a statement.
    fn statement<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.settle();
        let (mut rest, mut count) = (bytes, 0);
        while let Some(at) = self.place.turn(rest) {
            let byte = rest[at];
            rest = &rest[at + 1..];
            self.place = match (self.place, byte) {
                (ParserState::Names { is_quoted }, b'`') => ParserState::Names { is_quoted: !is_quoted },
                (ParserState::Names { .. }, _) => ParserState::Rows { is_inside: false },
                (ParserState::Rows { is_inside: false }, b'(') => {
                    count += 1;
                    ParserState::Rows { is_inside: true }
                }
                (ParserState::Rows { is_inside: true }, b'\'') => ParserState::Text { is_escaped: false },
                (ParserState::Rows { is_inside: true }, _) => ParserState::Rows { is_inside: false },
                (ParserState::Text { is_escaped: false }, b'\\') => ParserState::Text { is_escaped: true },
                (ParserState::Text { is_escaped: false }, _) => ParserState::Rows { is_inside: true },
                (ParserState::Text { is_escaped: true }, _) => ParserState::Text { is_escaped: false },
                (ParserState::Rows { is_inside: false } | ParserState::Data | ParserState::Script, _) => {
                    ParserState::Data
                }
            };
            if self.place == ParserState::Data {
                break;
            }
        }
        *self.rows.entry(self.table.clone()).or_default() += count;
        if self.place == ParserState::Data { rest } else { &[] }
    }
}

impl ParserState {
    /// Returns the next byte that changes the state.
    fn turn(self, bytes: &[u8]) -> Option<usize> {
        let mut bytes = bytes.iter();
        match self {
            Self::Names { is_quoted: true } => bytes.position(|byte| *byte == b'`'),
            // No other word before the rows has this letter.
            Self::Names { is_quoted: false } => bytes.position(|byte| matches!(byte, b'`' | b'V')),
            Self::Rows { is_inside: false } => bytes.position(|byte| matches!(byte, b'(' | b';')),
            Self::Rows { is_inside: true } => bytes.position(|byte| matches!(byte, b')' | b'\'')),
            Self::Text { is_escaped: false } => bytes.position(|byte| matches!(byte, b'\'' | b'\\')),
            Self::Text { is_escaped: true } | Self::Script | Self::Data => bytes.next().map(|_| 0),
        }
    }
}
