//! Data of before a restore or an upgrade that could not be removed, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A folder that a restore set aside, or that an upgrade copied or replaced, and that is still there; its removal is tried again every minute. Kept facts have it as
/// `{"code": "not_removed", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum DataLeftover {
    /// Words of an earlier version, or of a newer one.
    Other {
        /// The words.
        text: String,
    },
    /// Not removed, with the reason.
    NotRemoved {
        /// Path on the host.
        path: String,
        /// Time of the first failed removal.
        since: Time,
        /// Words of the operating system.
        cause: String,
    },
    /// Its removal took too long.
    RemovalTooSlow {
        /// Path on the host.
        path: String,
        /// Time of the first failed removal.
        since: Time,
    },
}

kept_as_code!(DataLeftover);

logged_as_code!(DataLeftover);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_an_earlier_version_is_read_and_a_leftover_is_kept_as_it_was() {
        let read = |kept: &str| serde_json::from_str::<DataLeftover>(kept).expect("it can be read");
        assert_eq!(read(r#""`/data/_data.before-1`: no""#), DataLeftover::other("`/data/_data.before-1`: no"));
        let (path, cause) = ("/data/_data.before-1".to_owned(), "Operation not permitted".to_owned());
        let left = DataLeftover::NotRemoved { path, since: Time(7), cause };
        assert_eq!(read(&serde_json::to_string(&left).expect("it can be written")), left);
    }
}
