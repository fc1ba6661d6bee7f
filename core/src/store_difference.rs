//! Differences of a restored store from its backup, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest name or value of a database in a difference, in bytes; of a longer one the beginning is told.
const LENGTH_LIMIT: usize = 120;

/// Difference of a restored store from its backup. Kept facts have it as `{"code": "missing", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum StoreDifference {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Object of a database that is missing.
    Missing {
        /// The object, as the notes about its server name it: `role `anna``.
        object: String,
    },
    /// Attribute of an object with another value.
    Attribute {
        /// The object.
        object: String,
        /// Name of the attribute.
        attribute: String,
        /// Value at the time of the dump.
        was: String,
        /// Value that was found, if the object has the attribute.
        is: Option<String>,
    },
    /// Rows, documents or the like with another content.
    Rows {
        /// Table, collection or the like.
        object: String,
        /// The rows, as the notes about its server name them: `the 10 rows with the lowest keys`.
        rows: String,
    },
    /// Table, collection or the like with another number of rows.
    Count {
        /// Name of the table or collection.
        item: String,
        /// Lowest number that the dump may hold.
        low: u64,
        /// Highest number that the dump may hold.
        high: u64,
        /// Number that was found.
        found: u64,
    },
    /// Dump of which the repository returned other bytes.
    Stream {
        /// Number of bytes that were stored.
        expected: u64,
        /// Number of bytes that came back.
        found: u64,
    },
    /// Other number of files or of their bytes.
    Files {
        /// Number of files in the backup.
        files: u64,
        /// Number of their bytes.
        bytes: u64,
        /// Number of files that were found.
        found: u64,
        /// Number of bytes that were found.
        found_bytes: u64,
    },
    /// Other number of objects of a bucket or of their bytes.
    Objects {
        /// Number of objects in the backup.
        objects: u64,
        /// Number of their bytes.
        bytes: u64,
        /// Number of objects that were found.
        found: u64,
        /// Number of bytes that were found.
        found_bytes: u64,
    },
    /// File or object with another content.
    Content {
        /// Its path.
        path: String,
    },
    /// Object of a bucket that is missing.
    PathMissing {
        /// Its path below the bucket's prefix.
        path: String,
    },
    /// File that cannot be read.
    PathUnreadable {
        /// Its path.
        path: String,
        /// Words of the operating system.
        cause: String,
    },
    /// File of the sample that is in no folder of the store.
    PathOutside {
        /// Its path.
        path: String,
    },
}

kept_as_code!(StoreDifference);
logged_as_code!(StoreDifference);

impl StoreDifference {
    /// Returns a name or value of a database that is not too long to be told.
    pub fn bounded(text: &str) -> String {
        text[..text.floor_char_boundary(LENGTH_LIMIT)].to_owned()
    }
}

/// Reads differences that were kept: as one text by earlier versions.
pub(crate) fn read_differences<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<StoreDifference>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Differences(Vec<StoreDifference>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![StoreDifference::other(text)],
        Kept::Differences(differences) => differences,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::order_failure::{DataNote, OrderFailure};

    fn attribute(object: &str, was: &str, is: Option<&str>) -> StoreDifference {
        let (object, attribute, was) = (object.to_owned(), "valid until".to_owned(), was.to_owned());
        StoreDifference::Attribute { object, attribute, was, is: is.map(str::to_owned) }
    }

    #[test]
    fn texts_of_earlier_versions_are_read_and_differences_are_kept_as_they_were() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let earlier = read(r#"{"code":"restored_data_differs","with":{"differences":"120 rows, not 121"}}"#);
        let differences = vec![StoreDifference::other("120 rows, not 121")];
        assert_eq!(earlier, OrderFailure::RestoredDataDiffers { more: 0, differences });
        let differences = vec![
            attribute("role `anna`", "2020", Some("infinity")),
            attribute("role `anna`", "2020", None),
            StoreDifference::Count { item: "notes".to_owned(), low: 3, high: 4, found: 2 },
        ];
        let failure = OrderFailure::RestoredDataDiffers { more: 2, differences };
        assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        let earlier = r#"{"code":"different","with":{"store":"db","differences":["role `anna` is missing","2 more"]}}"#;
        let differences = ["role `anna` is missing", "2 more"].map(StoreDifference::other).to_vec();
        let store = "db".parse().expect("a name");
        assert_eq!(
            serde_json::from_str::<DataNote>(earlier).expect("it can be read"),
            DataNote::Different { store, more: 0, differences }
        );
    }

    #[test]
    fn secrets_in_what_a_database_says_are_masked_as_in_words() {
        let mask = |kind, text: String| match kind {
            ArgumentKind::Words => text.replace("hunter2", "***"),
            ArgumentKind::Name => text,
        };
        let failure = |secret: &str| OrderFailure::RestoredDataDiffers {
            more: 0,
            differences: vec![
                StoreDifference::Missing { object: format!("key `{secret}`") },
                attribute(&format!("role `{secret}`"), secret, Some(secret)),
                StoreDifference::Rows { object: secret.to_owned(), rows: secret.to_owned() },
                StoreDifference::PathUnreadable { path: "a".to_owned(), cause: secret.to_owned() },
            ],
        };
        assert_eq!(failure("hunter2").map_texts(mask), failure("***"));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(StoreDifference::bounded(&format!("a{}", "ü".repeat(200))).len(), LENGTH_LIMIT - 1);
        assert_eq!(StoreDifference::bounded("anna"), "anna");
    }
}
