//! Comparisons that a drill made, as codes with arguments. `fleet` turns them into words.
//!
//! **Invariant:** a proof has each comparison as a text too, so that a version without these codes can read it.

use super::EngineKind;
use crate::coded_text::{codes_beside_texts, kept_as_code, logged_as_code};
use crate::names::StoreName;
use serde::{Deserialize, Serialize};

/// Comparison of a restored store with its backup that found no difference. Proofs have it as `{"code": "counted", "with": …}`,
/// earlier ones as a text.
///
/// `Display` is for logs, and for earlier versions that read a proof: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum DrillCheck {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Comparison that only the version of its host knows.
    Unknown {
        /// Number of its code.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// Dump that its database loaded.
    Loaded {
        /// Name of the store.
        store: StoreName,
        /// Size in bytes.
        bytes: u64,
    },
    /// Table, collection or the like with as many items as the backup has.
    Counted {
        /// Name of the store.
        store: StoreName,
        /// Name of the table or collection.
        item: String,
        /// Number of rows, documents or keys.
        count: u64,
    },
    /// Facts and samples that are as its server described them when it was dumped.
    Noted {
        /// Name of the store.
        store: StoreName,
        /// Engine of the store.
        engine: EngineKind,
        /// Number of facts.
        facts: usize,
        /// Number of tables, collections or keys with samples.
        samples: usize,
        /// Only a part of the server's answer could be read.
        is_partial: bool,
    },
    /// Query of the app with a good answer.
    Answered {
        /// Name of the store.
        store: StoreName,
        /// The query or command.
        question: String,
        /// Answer, if a certain one is expected.
        answer: Option<String>,
    },
    /// Files that were restored.
    Files {
        /// Name of the store.
        store: StoreName,
        /// Number of files.
        files: u64,
        /// Size in bytes.
        bytes: u64,
    },
    /// Objects that were put into a bucket.
    Objects {
        /// Name of the store.
        store: StoreName,
        /// Number of objects.
        objects: u64,
    },
    /// Objects of an external bucket that were restored to a folder.
    ObjectsInFolder {
        /// Name of the store.
        store: StoreName,
        /// Number of objects.
        objects: u64,
        /// Size in bytes.
        bytes: u64,
    },
    /// Files of a sample with the hashes of the backup.
    SameFiles {
        /// Name of the store.
        store: StoreName,
        /// Number of files.
        files: usize,
    },
    /// Objects of a sample with the hashes of the backup.
    SameObjects {
        /// Name of the store.
        store: StoreName,
        /// Number of objects.
        objects: usize,
    },
    /// Files beside the dump, whole.
    SideFiles {
        /// Name of the store.
        store: StoreName,
        /// Number of files.
        files: usize,
    },
}

kept_as_code!(DrillCheck);

codes_beside_texts! {
    /// Writes the comparisons of a proof as `checks` and `check_codes`, and reads either.
    checks: DrillCheck,
    #[serde(rename = "checks")]
    #[serde(rename = "check_codes", skip_serializing_if = "Vec::is_empty")]
}

logged_as_code!(DrillCheck);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Proof;
    use crate::coded_text::ArgumentKind;

    #[test]
    fn checks_of_an_earlier_proof_are_read_and_those_of_a_new_one_have_a_text_for_earlier_versions() {
        let read = |checks: &str| -> Proof {
            let text = format!(r#"{{"at":1,"host":"lab-1","took_ms":1,"bytes":1,{checks},"failure":null}}"#);
            serde_json::from_str(&text).expect("it can be read")
        };
        assert_eq!(read(r#""checks":["db: notes: 3"]"#).checks, [DrillCheck::other("db: notes: 3")]);
        let store = "db".parse().expect("a name");
        let check = DrillCheck::Counted { store, item: "notes".to_owned(), count: 3 };
        let new = Proof { checks: vec![check], ..read(r#""checks":[]"#) };
        let written = serde_json::to_value(&new).expect("it can be written");
        assert_eq!(written["checks"], serde_json::json!(["counted 3, notes, db"]), "an earlier version reads texts");
        assert_eq!(serde_json::from_value::<Proof>(written).expect("it can be read"), new);
        let empty = serde_json::to_value(Proof { checks: Vec::new(), ..new }).expect("it can be written");
        assert_eq!(empty["checks"], serde_json::json!([]), "an earlier version needs the field");
    }

    #[test]
    fn secrets_are_masked_in_answers_and_questions() {
        let check = |question: &str, answer: &str| DrillCheck::Answered {
            store: "db".parse().expect("a name"),
            question: question.to_owned(),
            answer: Some(answer.to_owned()),
        };
        let mask = |kind, text: String| match kind {
            ArgumentKind::Words => text.replace("db", "***"),
            ArgumentKind::Name => text,
        };
        assert_eq!(check("select db", "db").map_texts(mask), check("select ***", "***"));
    }
}
