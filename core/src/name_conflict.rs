//! Names on a host that two instances would have, as codes with arguments. `fleet` turns them into words.

use crate::claims::HeldName;
use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Deserializer, Serialize};

/// Name that another instance of the host has. Kept facts have it as `{"code": "held", "with": …}`, earlier ones have all as one text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum NameConflict {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Name with its owner.
    Held(HeldName),
}

kept_as_code!(NameConflict);
logged_as_code!(NameConflict);

/// Reads conflicts that were kept: as one text by earlier versions.
pub(crate) fn read_conflicts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NameConflict>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Conflicts(Vec<NameConflict>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![NameConflict::other(text)],
        Kept::Conflicts(conflicts) => conflicts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ClaimKind;
    use crate::order_failure::OrderFailure;

    #[test]
    fn conflicts_that_an_earlier_version_kept_as_one_text_are_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let earlier = read(r#"{"code":"names_taken","with":{"conflicts":"the port `80` is notes-2's"}}"#);
        let conflicts = vec![NameConflict::other("the port `80` is notes-2's")];
        assert_eq!(earlier, OrderFailure::NamesTaken { conflicts });
        let owner = "notes-2".parse().expect("a name");
        let held = HeldName { kind: ClaimKind::Port, name: "80".to_owned(), owner };
        let failure = OrderFailure::DataShared { conflicts: vec![NameConflict::Held(held)] };
        assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
    }
}
