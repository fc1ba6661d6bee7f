//! Notes about a store from its server at the time of the dump, by another path than the dump, and the differences of a
//! restored one.
//!
//! A drill that counts only the content of the dump compares the dump with itself, and never misses data that the dump
//! tool leaves out.
//!
//! **Invariant:** only facts that were the same before and after the dump are recorded, so that changes in between
//! never count as errors.

use super::StoreDifference;
use super::tool::from_hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most lines that are noted, and the most bytes of them all: a note travels with the manifest.
const LINE_LIMIT: usize = 20_000;
/// Largest note of a source, in bytes.
pub const NOTE_LIMIT: usize = 1 << 20;
/// The longest text of a fact; of a longer one the beginning is compared.
const TEXT_LIMIT: usize = 400;
/// The most differences that are named.
const NAMED: usize = 8;

/// Facts by object: `role `anna`` has `valid until`.
pub type Facts = BTreeMap<String, BTreeMap<String, String>>;

/// Notes of a store's server about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNote {
    /// Attributes of the database, of roles, of tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: Facts,
    /// Checksums of some rows of each table, by which rows they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: Facts,
    /// Tablespaces that the dump does not restore, by name; earlier versions had a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// There was more than could be noted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
}

/// Line of a note tool that is not one of its.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{line}` is nothing that can be noted")]
pub struct NoteError {
    /// Beginning of the line.
    pub line: String,
}

/// A note at one moment, which has a name that stays the same as long as nothing is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotedAt {
    /// The note.
    pub note: SourceNote,
    /// Name of the moment, which stays the same while nothing is written.
    pub moment: Option<String>,
    /// Times of the tables' last changes, from servers that report them.
    pub changed: Option<BTreeMap<String, Changed>>,
}

/// Time of a table's last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub at: String,
    /// A later change would have another time.
    pub shows_later: bool,
}

/// Differences between a restored store and the recorded facts: the first ones, and the number of further ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// First facts that differ.
    pub facts: Vec<StoreDifference>,
    /// Number of further facts that differ.
    pub more_facts: usize,
    /// First rows that differ.
    pub rows: Vec<StoreDifference>,
    /// Number of further tables whose rows differ.
    pub more_rows: usize,
}

impl NotedAt {
    /// Parses the output of a note tool.
    ///
    /// # Errors
    /// The beginning of a line that is not one of its.
    pub fn read(printed: &str) -> Result<Self, NoteError> {
        let (mut noted, mut bytes) = (Self::default(), 0);
        for (number, line) in printed.lines().map(|line| line.trim_end_matches('\r')).enumerate() {
            if line.is_empty() {
                continue;
            }
            let wrong = || NoteError { line: line.chars().take(80).collect() };
            let mut fields = line.split('\t');
            let kind = fields.next().ok_or_else(wrong)?;
            let fields: Vec<String> = fields.map(from_hex).collect::<Option<_>>().ok_or_else(wrong)?;
            let [thing, attribute, value] = <[String; 3]>::try_from(fields).map_err(|_| wrong())?;
            bytes += line.len();
            if number >= LINE_LIMIT || bytes > NOTE_LIMIT {
                noted.note.is_partial = true;
                break;
            }
            let value: String = value.chars().take(TEXT_LIMIT).collect();
            match kind {
                "moment" => noted.moment = Some(thing),
                "fact" => drop(noted.note.facts.entry(thing).or_default().insert(attribute, value)),
                "rows" => drop(noted.note.rows.entry(thing).or_default().insert(attribute, value)),
                "changed" => {
                    let changed = Changed { at: attribute, shows_later: value == "yes" };
                    noted.changed.get_or_insert_default().insert(thing, changed);
                }
                "left" => noted.note.left.push(thing),
                _ => return Err(wrong()),
            }
        }
        Ok(noted)
    }

    /// Returns whether nothing was written between the two.
    pub fn is_still(&self, after: &Self) -> bool {
        self.moment.is_some() && self.moment == after.moment
    }

    /// Returns the facts that both notes share. Changes that were made and reverted in between are in the dump but in
    /// neither note, so contents that may have changed meanwhile are left out: all contents, if the server does not
    /// report which have.
    #[must_use]
    pub fn settled(self, after: &Self) -> SourceNote {
        let is_still = self.is_still(after);
        let is_unchanged = |table: &str, before: &BTreeMap<String, Changed>| {
            let before = before.get(table).filter(|before| before.shows_later);
            let after = after.changed.as_ref().and_then(|after| after.get(table));
            before.zip(after).is_some_and(|(before, after)| before.at == after.at)
        };
        let both = |mut one: Facts, other: &Facts| {
            one.retain(|thing, attributes| {
                let same = other.get(thing);
                attributes.retain(|attribute, value| same.and_then(|same| same.get(attribute)) == Some(value));
                !attributes.is_empty()
            });
            one
        };
        let Self { mut note, changed, .. } = self;
        match changed {
            _ if is_still => {}
            Some(changed) => note.rows.retain(|table, _| is_unchanged(table, &changed)),
            None => {
                note.rows.clear();
                note.facts.retain(|thing, _| !is_content(thing));
            }
        }
        SourceNote {
            facts: both(note.facts, &after.note.facts),
            rows: both(note.rows, &after.note.rows),
            left: note.left,
            is_partial: note.is_partial || after.note.is_partial,
        }
    }
}

impl SourceNote {
    /// Returns the number of facts, and of tables whose rows are compared.
    pub fn size(&self) -> (usize, usize) {
        (self.facts.values().map(BTreeMap::len).sum(), self.rows.len())
    }

    /// Returns the differences of a restored store. Additional facts belong to its image. Which rows are compared
    /// depends on the size of a table: rows that are not compared there are no difference, because they are counted.
    /// Facts that a partial note lacks may exist.
    pub fn differences(&self, found: &Self) -> Differences {
        let facts = self.facts.iter().flat_map(|(thing, attributes)| {
            let there = found.facts.get(thing);
            let missing =
                (there.is_none() && !found.is_partial).then(|| StoreDifference::Missing { object: short(thing) });
            let others = attributes.iter().filter_map(move |(attribute, was)| {
                let is = match there?.get(attribute) {
                    None if found.is_partial => return None,
                    is => is,
                };
                (is != Some(was)).then(|| StoreDifference::Attribute {
                    object: short(thing),
                    attribute: short(attribute),
                    was: short(was),
                    is: is.map(|is| short(is)),
                })
            });
            missing.into_iter().chain(others)
        });
        let rows = self.rows.iter().filter_map(|(table, samples)| {
            let there = found.rows.get(table)?;
            let other = samples.iter().find(|(which, sum)| there.get(*which).is_some_and(|found| found != *sum))?;
            Some(StoreDifference::Rows { object: short(table), rows: short(other.0) })
        });
        let ((facts, more_facts), (rows, more_rows)) = (first(facts), first(rows));
        Differences { facts, more_facts, rows, more_rows }
    }
}

impl Differences {
    /// Returns whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.facts.is_empty()
    }

    /// Returns the number of further differences, and the first ones, those of rows before those of facts.
    #[must_use]
    pub fn all(&self) -> (usize, Vec<StoreDifference>) {
        (self.more_rows + self.more_facts, self.rows.iter().chain(&self.facts).cloned().collect())
    }
}

/// Returns whether a fact is about content, which changes like rows do: about a key, not about a schema.
fn is_content(thing: &str) -> bool {
    thing.starts_with("key `")
}

/// Returns the first differences, and the number of the others.
fn first(mut all: impl Iterator<Item = StoreDifference>) -> (Vec<StoreDifference>, usize) {
    let first = all.by_ref().take(NAMED).collect();
    (first, all.count())
}

fn short(text: &str) -> String {
    StoreDifference::bounded(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `KIND THING/ATTRIBUTE=VALUE` in each line.
    fn noted(text: &str) -> NotedAt {
        let hex = |text: &str| data_encoding::HEXLOWER.encode(text.as_bytes());
        let line = |line: &str| {
            let (kind, rest) = line.trim().split_once(' ').expect("a kind");
            let (thing, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let (attribute, value) = rest.split_once('=').unwrap_or_default();
            format!("{kind}\t{}\t{}\t{}\n", hex(thing), hex(attribute), hex(value))
        };
        NotedAt::read(&text.lines().map(line).collect::<String>()).expect("it is read")
    }

    fn check(was: &str, is: &str, expect: &[StoreDifference]) {
        let found = noted(was).note.differences(&noted(is).note);
        assert_eq!(found.all(), (0, expect.to_vec()), "{was} and {is}");
    }

    fn attribute(name: &str, was: &str, is: Option<&str>) -> StoreDifference {
        let (object, attribute, was) = ("role `anna`".to_owned(), name.to_owned(), was.to_owned());
        StoreDifference::Attribute { object, attribute, was, is: is.map(str::to_owned) }
    }

    #[test]
    fn a_difference_is_named_with_what_it_was() {
        let was = "fact role `anna`/valid until=2020\nfact role `anna`/comment=\nrows t/the 10 rows with the lowest keys=10 rows ab";
        check(was, was, &[]);
        check(was, &format!("{was}\nfact role `new`/comment=x\nrows u/all rows=1"), &[]);
        let is = was.replace("2020", "infinity");
        check(was, &is, &[attribute("valid until", "2020", Some("infinity"))]);
        check(&is.replace("comment=", "comment=a"), &is, &[attribute("comment", "a", Some(""))]);
        check(was, &was.replace("comment=", "remark="), &[attribute("comment", "", None)]);
        let missing = StoreDifference::Missing { object: "role `anna`".to_owned() };
        check(was, "rows t/all rows=1 rows cd", &[missing]);
        let rows = "the 10 rows with the lowest keys".to_owned();
        check(was, &was.replace("ab", "cd"), &[StoreDifference::Rows { object: "t".to_owned(), rows }]);
    }

    #[test]
    fn what_is_not_in_a_note_that_is_partial_is_no_difference() {
        let was =
            noted("fact role `anna`/valid until=2020\nfact role `anna`/comment=x\nfact role `bert`/comment=y").note;
        let mut is = noted("fact role `anna`/valid until=2020").note;
        assert!(!was.differences(&is).is_empty());
        is.is_partial = true;
        assert_eq!(was.differences(&is), Differences::default());
        let mut other = noted("fact role `anna`/valid until=2030").note;
        other.is_partial = true;
        assert_eq!(was.differences(&other).facts, [attribute("valid until", "2020", Some("2030"))]);
    }

    #[test]
    fn more_than_a_note_may_hold_is_read_as_a_part_of_it() {
        let line = format!("fact\t{}\t\t\n", "61".repeat(100));
        let large = line.repeat(NOTE_LIMIT / line.len() + 100);
        assert!(NotedAt::read(&large).expect("it is read").note.is_partial);
    }

    #[test]
    fn many_differences_are_a_few_and_a_number() {
        let many: String = (0..100).map(|number| format!("fact role `r{number:03}`/comment=x\n")).collect();
        let differences = noted(&many).note.differences(&SourceNote::default());
        assert_eq!((differences.facts.len(), differences.more_facts), (8, 92));
    }

    #[test]
    fn what_changed_during_a_dump_is_not_noted() {
        let before = noted(
            "moment 7:7:\nfact a/x=1\nfact a/y=1\nfact b/x=1\nrows t/all rows=1\nrows u/all rows=1\nleft a tablespace",
        );
        let after = noted("moment 8:8:\nfact a/x=1\nfact a/y=2\nrows t/all rows=1\nrows u/all rows=2");
        assert!(
            !before.is_still(&after) && before.is_still(&before) && !NotedAt::default().is_still(&NotedAt::default())
        );
        let note = before.settled(&after);
        assert_eq!((note.size(), note.left), ((1, 0), vec!["a tablespace".to_owned()]));
    }

    #[test]
    fn contents_are_noted_only_where_it_is_known_that_nothing_was_written() {
        let said = |moment: &str| {
            noted(&format!("{moment}\nfact key `a` of db0/length=3\nfact account `a`/is there=yes\nrows t/all rows=1"))
        };
        let size = |before: &str, after: &str| said(before).settled(&said(after)).size();
        // A reverted change leaves everything as it was, and is in the dump.
        assert_eq!(size("moment 7", "moment 8"), (1, 0));
        assert_eq!(size("left x", "left x"), (1, 0));
        assert_eq!(size("moment 7", "moment 7"), (2, 1));
    }

    #[test]
    fn rows_of_a_table_that_may_have_been_changed_during_a_dump_are_not_noted() {
        let tables = |text: &str| format!("rows t/all rows=1\nrows u/all rows=1\nrows v/all rows=1\n{text}");
        let before = noted(&tables("moment 7\nchanged t/10:00=yes\nchanged u/10:00=yes\nchanged v/10:00=no"));
        let later = "changed t/10:00=no\nchanged u/10:05=yes\nchanged v/10:00=yes";
        let kept =
            |after: &str| before.clone().settled(&noted(&tables(after))).rows.into_keys().collect::<Vec<_>>().join(" ");
        // Reverted writes leave the rows as they were.
        assert_eq!(kept(&format!("moment 8\n{later}")), "t");
        assert_eq!(kept(later), "t");
        assert_eq!(kept("moment 8"), "");
        assert_eq!(kept(&format!("moment 7\n{later}")), "t u v", "nothing was written");
    }

    #[test]
    fn what_is_no_note_is_an_error_and_what_is_too_much_is_left_out() {
        for line in ["fact", "fact\t61", "other\t61\t61\t61", "fact\tx\t61\t61", "fact\t61\t61\t61\t61"] {
            NotedAt::read(line).expect_err(line);
        }
        let much: String = (0..30_000).map(|number| format!("fact\t{number:06}\t61\t61\n")).collect();
        let noted = NotedAt::read(&much).expect("it is read").note;
        assert!(noted.is_partial && noted.size().0 <= LINE_LIMIT);
    }
}
