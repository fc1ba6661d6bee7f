//! MongoDB: an archive lists its collections at its beginning, and marks the end of each.

use super::{DumpError, EngineKind};
use std::collections::{BTreeMap, BTreeSet};

const MAGIC: [u8; 4] = [0x6d, 0xe2, 0x99, 0x81];
const TERMINATOR: [u8; 4] = [0xff; 4];
/// Maximum size of a document, including MongoDB's overhead.
const DOCUMENT_LIMIT: u32 = (16 << 20) + (16 << 10);
/// The longest text in a header that is looked at.
const NAME_LIMIT: usize = 4096;

/// Walks over the archive document by document.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    place: ParserState,
    held: Vec<u8>,
    /// The bytes of a document that are still to come, and whether they are looked at.
    left: usize,
    promised: BTreeSet<(String, String)>,
    ended: BTreeSet<(String, String)>,
    /// Documents by collection, of the one whose part is being read last.
    documents: BTreeMap<(String, String), u64>,
    current: (String, String),
    problem: Option<DumpError>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ParserState {
    #[default]
    Magic,
    /// In the part that describes the collections; its first document is about the archive.
    Prelude {
        is_first: bool,
    },
    /// Beginning of a part with one collection's documents, or the end of the archive.
    Header,
    Body,
}

impl Archive {
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.problem.is_none() {
            if self.left == 0 {
                self.held.push(bytes[0]);
                bytes = &bytes[1..];
                if self.held.len() == 4 {
                    self.begin();
                }
                continue;
            }
            let here = self.left.min(bytes.len());
            if self.place != ParserState::Body {
                self.held.extend_from_slice(&bytes[..here]);
            }
            bytes = &bytes[here..];
            self.left -= here;
            if self.left == 0 {
                self.document();
            }
        }
    }

    /// Four bytes are there: a magic, a terminator or the length of a document.
    fn begin(&mut self) {
        let word: [u8; 4] = self.held.as_slice().try_into().unwrap_or_default();
        match (self.place, word) {
            (ParserState::Magic, MAGIC) => self.place = ParserState::Prelude { is_first: true },
            (ParserState::Magic, _) => self.problem = Some(DumpError::WrongBeginning { engine: EngineKind::Mongodb }),
            (_, TERMINATOR) => self.place = ParserState::Header,
            (_, length) => match u32::from_le_bytes(length) {
                length @ 5..=DOCUMENT_LIMIT => {
                    self.left = usize::try_from(length - 4).unwrap_or(usize::MAX);
                    if self.place == ParserState::Body {
                        self.held.clear();
                    }
                    return;
                }
                _ => self.problem = Some(DumpError::ImpossibleLength),
            },
        }
        self.held.clear();
    }

    fn document(&mut self) {
        let document = std::mem::take(&mut self.held);
        match self.place {
            ParserState::Prelude { is_first: true } => self.place = ParserState::Prelude { is_first: false },
            ParserState::Prelude { is_first: false } => {
                let header = Header::of(&document);
                // A view has no documents, and a series keeps them under another name.
                if header.kind.is_empty() || header.kind == "collection" {
                    let space = (header.database, header.collection);
                    self.documents.entry(space.clone()).or_default();
                    self.promised.insert(space);
                }
            }
            ParserState::Header => {
                let header = Header::of(&document);
                self.current = (header.database, header.collection);
                if header.is_end {
                    self.ended.insert(self.current.clone());
                }
                self.place = ParserState::Body;
            }
            ParserState::Body => *self.documents.entry(self.current.clone()).or_default() += 1,
            ParserState::Magic => {}
        }
    }

    /// By the name of the collection with its database.
    pub fn documents(&self) -> BTreeMap<String, u64> {
        let named =
            |((database, collection), count): (&(String, String), &u64)| (format!("{database}.{collection}"), *count);
        self.documents.iter().map(named).collect()
    }

    pub fn verdict(&self) -> Result<(), DumpError> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        if self.place != ParserState::Header || self.left > 0 || !self.held.is_empty() {
            return Err(DumpError::PartBreaksOff);
        }
        match self.promised.difference(&self.ended).next() {
            Some((database, collection)) => {
                Err(DumpError::CollectionBreaksOff { collection: format!("{database}.{collection}") })
            }
            None => Ok(()),
        }
    }
}

/// Fields of a header that matter here.
#[derive(Debug, Default)]
struct Header {
    database: String,
    collection: String,
    kind: String,
    is_end: bool,
}

impl Header {
    /// Reads the fields at the top of a document; an unknown one ends the parsing.
    fn of(document: &[u8]) -> Self {
        let mut header = Self::default();
        let mut rest = document.get(4..).unwrap_or_default();
        while let Some((kind, name, after)) = field(rest) {
            let Some((value, after)) = value(kind, after) else { break };
            let text = || {
                let text = value.get(4..value.len().saturating_sub(1)).unwrap_or_default();
                String::from_utf8_lossy(&text[..text.len().min(NAME_LIMIT)]).into_owned()
            };
            match (kind, name) {
                (TEXT, b"db") => header.database = text(),
                (TEXT, b"collection") => header.collection = text(),
                (TEXT, b"type") => header.kind = text(),
                (BOOLEAN, b"EOF") => header.is_end = value == [1],
                _ => {}
            }
            rest = after;
        }
        header
    }
}

const TEXT: u8 = 2;
const BOOLEAN: u8 = 8;

/// Returns the type and the name of the next field, and the rest.
fn field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first().filter(|(kind, _)| **kind != 0)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((*kind, &rest[..end], &rest[end + 1..]))
}

/// Returns a field's value, and the rest.
fn value(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = || Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize);
    let size = match kind {
        TEXT => length()?.checked_add(4)?,
        3 | 4 => length()?,
        BOOLEAN => 1,
        1 | 9 | 17 | 18 => 8,
        16 => 4,
        10 => 0,
        _ => return None,
    };
    bytes.split_at_checked(size)
}
