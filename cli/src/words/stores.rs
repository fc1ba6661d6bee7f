//! Words of differences of restored stores from their backups, of faults of dumps, and of data in the way of restores.

use super::{after, and_more};
use fleet_core::backup::{DumpError, EngineKind, OccupiedTarget, StoreDifference};
use fleet_core::grammar::{count, listed};
use fleet_proto::convert::{incoming_dump_error, incoming_occupied_target, incoming_store_difference};
use fleet_proto::v1;

/// Most characters of a value of a database that are shown.
const VALUE_LIMIT: usize = 60;

/// Returns the words of a difference as it came over the wire.
pub fn shown_difference(message: &v1::StoreDifference) -> String {
    let known = incoming_store_difference(message.clone()).as_ref().map(difference);
    known.unwrap_or_else(|| super::unknown::<v1::StoreDifferenceCode>("a difference", message.code, &message.arguments))
}

/// Returns the words of a fault as it came over the wire.
pub fn shown_dump_error(message: &v1::DumpError) -> String {
    let known = incoming_dump_error(message.clone()).as_ref().map(dump_error);
    known.unwrap_or_else(|| super::unknown::<v1::DumpErrorCode>("a fault", message.code, &message.arguments))
}

/// Returns the words of data in the way of a restore as it came over the wire.
pub fn shown_occupied(message: &v1::OccupiedTarget) -> String {
    let known = incoming_occupied_target(message.clone()).as_ref().map(occupied);
    known.unwrap_or_else(|| super::unknown::<v1::OccupiedTargetCode>("a target", message.code, &message.arguments))
}

/// Returns the words of the first differences of a store, and the number of the others.
pub fn differences(more: usize, first: &[StoreDifference]) -> String {
    let words: Vec<_> = first.iter().map(difference).collect();
    format!("it is not as it was: {}{}", words.join("; "), and_more(more, ""))
}

/// Returns the same for a restore that failed. An earlier version kept all differences as one text, which says itself that
/// something differs.
pub fn restored(more: usize, first: &[StoreDifference]) -> String {
    match first {
        [StoreDifference::Other { text }] if more == 0 => text.clone(),
        _ => differences(more, first),
    }
}

/// Returns the words of a difference.
pub fn difference(difference: &StoreDifference) -> String {
    match difference {
        StoreDifference::Other { text } => text.clone(),
        StoreDifference::Missing { object } => format!("{} is missing", line(object)),
        StoreDifference::Attribute { object, attribute, was, is } => {
            let is = is.as_deref().map_or_else(|| "missing".to_owned(), value);
            format!("{}: {} is {is}, and was {}", line(object), line(attribute), value(was))
        }
        StoreDifference::Rows { object, rows } => format!("{}: {} are not what they were", line(object), line(rows)),
        StoreDifference::Count { item, low, high, found } if low == high => {
            format!("`{}` has {found}, and had {low}", line(item))
        }
        StoreDifference::Count { item, low, high, found } => {
            format!("`{}` has {found}, and had {low} to {high}", line(item))
        }
        StoreDifference::Stream { expected, found } if expected == found => {
            format!("the repository returned {}, and other ones than were stored", count(*found, "byte"))
        }
        StoreDifference::Stream { expected, found } => {
            format!("the repository returned {}, and {expected} were stored", count(*found, "byte"))
        }
        StoreDifference::Files { files, bytes, found, found_bytes } => {
            came_back("file", (*found, *found_bytes), (*files, *bytes))
        }
        StoreDifference::Objects { objects, bytes, found, found_bytes } => {
            came_back("object", (*found, *found_bytes), (*objects, *bytes))
        }
        StoreDifference::Content { path } => format!("`{path}` has other content than it had"),
        StoreDifference::PathMissing { path } => format!("`{path}` is missing"),
        StoreDifference::PathUnreadable { path, cause } => format!("`{path}` cannot be read: {cause}"),
        StoreDifference::PathOutside { path } => format!("`{path}` is in none of its folders"),
    }
}

/// Returns the words of a fault of a dump.
pub fn dump_error(error: &DumpError) -> String {
    match error {
        DumpError::Other { text } => text.clone(),
        DumpError::ToolFailed { code, output } => format!("its tool exited with code {code}{}", after(output)),
        DumpError::Empty => "the dump is empty".to_owned(),
        DumpError::NotStarted { answer } => format!("its tool could not be started: {answer}"),
        DumpError::WrongBeginning { engine } => format!("the dump does not begin {}", beginning_of(*engine)),
        DumpError::BreaksOff { engine } => format!("the dump breaks off: {}", end_of(*engine)),
        DumpError::CollectionBreaksOff { collection } => format!("the dump breaks off: `{collection}` has no end"),
        DumpError::PartBreaksOff => "the dump breaks off in the middle of a part".to_owned(),
        DumpError::ImpossibleLength => {
            "the dump is not what MongoDB writes: a document has an impossible length".to_owned()
        }
        DumpError::WrongChecksum => "the checksum of the dump is wrong".to_owned(),
        DumpError::CountDiffers { item, dumped, counted } => {
            format!("the dump has {dumped} of `{item}`, and its server has {counted}, although nothing was written")
        }
        DumpError::Lacks { item } => format!("the dump has nothing of `{item}`, and its server has some"),
    }
}

/// Returns the words of data in the way of a restore.
pub fn occupied(target: &OccupiedTarget) -> String {
    match target {
        OccupiedTarget::Other { text } => format!("{text}; nothing is restored over it"),
        OccupiedTarget::Volumes { names } => {
            let (noun, verb, them) = match names.as_slice() {
                [_] => ("volume", "exists", "it"),
                _ => ("volumes", "exist", "them"),
            };
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("the {noun} {} {verb} on the host; nothing is restored over {them}", listed(&names))
        }
        OccupiedTarget::Folder { path } => format!("the folder `{path}` is not empty; nothing is restored over it"),
        OccupiedTarget::Bucket { address, objects } => {
            format!("the bucket {address} has {}; nothing is restored over them", count(*objects, "object"))
        }
    }
}

fn beginning_of(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgresql => "like a dump of PostgreSQL",
        EngineKind::Mongodb => "like a dump of MongoDB",
        EngineKind::Mariadb | EngineKind::Mysql => "like a dump of MariaDB or MySQL",
        EngineKind::Redis => "like a dump of Redis",
        EngineKind::Neo4j => "like a dump of Neo4j",
        EngineKind::Command | EngineKind::Volume | EngineKind::S3 => "with the `magic` of its store in app.yaml",
    }
}

fn end_of(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Postgresql => "the lines with which PostgreSQL ends a dump are missing",
        EngineKind::Mongodb => "the end of its last part is missing",
        EngineKind::Mariadb | EngineKind::Mysql => "the line `-- Dump completed` is missing",
        EngineKind::Redis => "the mark of its end is missing",
        EngineKind::Neo4j => "its last frame is not complete",
        EngineKind::Command | EngineKind::Volume | EngineKind::S3 => {
            "it does not end with the `trailer` of its store in app.yaml"
        }
    }
}

fn came_back(noun: &str, found: (u64, u64), expected: (u64, u64)) -> String {
    let amount = |(number, bytes)| format!("{} with {}", count(number, noun), count(bytes, "byte"));
    format!("{} came back, and the backup has {}", amount(found), amount(expected))
}

/// Name of others on one line.
fn line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Value of others on one line, and not too long.
fn value(text: &str) -> String {
    let line: String = line(text).chars().take(VALUE_LIMIT).collect();
    if line.is_empty() { "empty".to_owned() } else { format!("`{line}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_there_was_and_what_there_is() {
        let text = str::to_owned;
        let attribute = |was: &str, is: Option<&str>| StoreDifference::Attribute {
            object: text("role `anna`"),
            attribute: text("comment"),
            was: text(was),
            is: is.map(str::to_owned),
        };
        let all = [
            StoreDifference::Missing { object: text("role `anna`") },
            attribute("a\u{7}b", Some("")),
            attribute(&"x".repeat(100), None),
            StoreDifference::Rows { object: text("t"), rows: text("the 10 rows with the lowest keys") },
            StoreDifference::Count { item: text("public.notes"), low: 3, high: 3, found: 2 },
            StoreDifference::Count { item: text("public.notes"), low: 3, high: 9, found: 2 },
            StoreDifference::Stream { expected: 3, found: 1 },
            StoreDifference::Stream { expected: 3, found: 3 },
            StoreDifference::Files { files: 2, bytes: 9, found: 1, found_bytes: 5 },
            StoreDifference::Objects { objects: 2, bytes: 9, found: 2, found_bytes: 1 },
            StoreDifference::Content { path: text("a.txt") },
            StoreDifference::PathMissing { path: text("a.txt") },
            StoreDifference::PathUnreadable { path: text("a.txt"), cause: text("Permission denied") },
            StoreDifference::PathOutside { path: text("a.txt") },
        ];
        insta::assert_snapshot!(all.iter().map(difference).collect::<Vec<_>>().join("\n"), @r"
        role `anna` is missing
        role `anna`: comment is empty, and was `a b`
        role `anna`: comment is missing, and was `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`
        t: the 10 rows with the lowest keys are not what they were
        `public.notes` has 2, and had 3
        `public.notes` has 2, and had 3 to 9
        the repository returned 1 byte, and 3 were stored
        the repository returned 3 bytes, and other ones than were stored
        1 file with 5 bytes came back, and the backup has 2 files with 9 bytes
        2 objects with 1 byte came back, and the backup has 2 objects with 9 bytes
        `a.txt` has other content than it had
        `a.txt` is missing
        `a.txt` cannot be read: Permission denied
        `a.txt` is in none of its folders
        ");
        assert_eq!(differences(2, &all[..1]), "it is not as it was: role `anna` is missing; and 2 more");
        let kept = [StoreDifference::other("a table is empty")];
        assert_eq!(restored(0, &kept), "a table is empty");
        assert_eq!(differences(0, &kept), "it is not as it was: a table is empty");
        assert_eq!(restored(2, &all[..1]), differences(2, &all[..1]));
    }

    #[test]
    fn a_dump_that_differs_from_its_server_is_told_as_such_and_not_as_restored_data() {
        let item = || "public.notes".to_owned();
        let all = [
            DumpError::CountDiffers { item: item(), dumped: 1, counted: 4 },
            DumpError::Lacks { item: item() },
            DumpError::WrongBeginning { engine: EngineKind::Redis },
            DumpError::WrongBeginning { engine: EngineKind::Command },
            DumpError::BreaksOff { engine: EngineKind::Command },
        ];
        insta::assert_snapshot!(all.iter().map(dump_error).collect::<Vec<_>>().join("\n"), @r"
        the dump has 1 of `public.notes`, and its server has 4, although nothing was written
        the dump has nothing of `public.notes`, and its server has some
        the dump does not begin like a dump of Redis
        the dump does not begin with the `magic` of its store in app.yaml
        the dump breaks off: it does not end with the `trailer` of its store in app.yaml
        ");
    }

    #[test]
    fn data_in_the_way_of_a_restore_is_named() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let all = [
            OccupiedTarget::Volumes { names: names(&["oasis-2_data"]) },
            OccupiedTarget::Volumes { names: names(&["a", "b"]) },
            OccupiedTarget::Folder { path: "/data".to_owned() },
            OccupiedTarget::Bucket { address: "https://s3.example.com/b".to_owned(), objects: 3 },
        ];
        insta::assert_snapshot!(all.iter().map(occupied).collect::<Vec<_>>().join("\n"), @r"
        the volume `oasis-2_data` exists on the host; nothing is restored over it
        the volumes `a` and `b` exist on the host; nothing is restored over them
        the folder `/data` is not empty; nothing is restored over it
        the bucket https://s3.example.com/b has 3 objects; nothing is restored over them
        ");
    }
}
