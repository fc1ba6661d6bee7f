//! Counts the rows of a script of PostgreSQL while it streams by: each is a line below the line that begins its table.

use std::collections::BTreeMap;

/// Line of a dump before a table's rows. Without it, a line like their beginning is user data.
const ANNOUNCED: &[u8] = b"-- Data for Name: ";
const BEGIN: &[u8] = b"COPY ";
const END: &[u8] = b"\\.";
/// Room for two names of 63 bytes, each of which may be a quote that is written twice.
const HEAD: usize = 320;

#[derive(Debug, Clone, Default)]
pub struct Copied {
    /// The beginning of the line that is being read; names with lines in them make one of several.
    head: Vec<u8>,
    /// True while the statement that begins a table's rows is inside quotes.
    is_quoted: bool,
    place: ParserState,
    rows: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default)]
enum ParserState {
    #[default]
    Script,
    Announced,
    Rows {
        name: String,
        count: u64,
    },
}

impl Copied {
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.take(&bytes[..end]);
            if self.is_quoted {
                self.take(b"\n");
            } else {
                self.line();
                self.head.clear();
            }
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// By the name of the table with its schema, as PostgreSQL lists them.
    pub fn rows(&self) -> &BTreeMap<String, u64> {
        &self.rows
    }

    fn take(&mut self, bytes: &[u8]) {
        let limit = match self.place {
            ParserState::Rows { .. } => END.len() + 1,
            ParserState::Script | ParserState::Announced => HEAD,
        };
        let room = limit.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if let ParserState::Announced = self.place
            && self.head.starts_with(BEGIN)
        {
            let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
            self.is_quoted ^= quotes % 2 == 1;
        }
    }

    fn line(&mut self) {
        match &mut self.place {
            ParserState::Rows { name, count } if self.head == END => {
                *self.rows.entry(std::mem::take(name)).or_default() += *count;
                self.place = ParserState::Script;
            }
            ParserState::Rows { count, .. } => *count += 1,
            ParserState::Announced => {
                if let Some(name) = self.head.strip_prefix(BEGIN).and_then(table) {
                    self.place = ParserState::Rows { name, count: 0 };
                }
            }
            ParserState::Script if self.head.starts_with(ANNOUNCED) => self.place = ParserState::Announced,
            ParserState::Script => {}
        }
    }
}

/// `schema."Table"` without its quotes.
fn table(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let (schema, rest) = name(&text)?;
    let (table, _) = name(rest.strip_prefix('.')?)?;
    Some(format!("{schema}.{table}"))
}

/// Returns the name at the beginning, and the rest.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ', '(']).filter(|end| *end > 0)?;
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let (mut name, mut rest) = (String::new(), quoted);
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}
