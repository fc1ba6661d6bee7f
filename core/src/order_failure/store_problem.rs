//! Reasons why a store cannot be backed up, restored or checked, as codes with arguments. `fleet` turns them into words.

use super::OrderFailure;
use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Reason why work on a store is not possible. Kept facts have it as `{"code": "no_target", "with": …}`.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum StoreProblem {
    /// Words, or a code that is not known here.
    Other {
        /// The words.
        text: String,
    },
    /// Store of a kind that no tool dumps.
    NoDumpTool,
    /// Store of a kind that no tool loads.
    NoLoadTool,
    /// Store of a kind whose dumps cannot be checked.
    NoValidator,
    /// Store that is no bucket.
    NotABucket,

    // Of its server.
    /// Content that could not be counted.
    NotCounted {
        /// Failure of the count.
        failure: Box<OrderFailure>,
    },
    /// Server that could not be asked about the store.
    NotAsked {
        /// Failure of the query.
        failure: Box<OrderFailure>,
    },
    /// Store of a kind that no tool counts.
    NotCountable,
    /// Item that is not among those that the counter of a store lists.
    NotAmongCounted {
        /// Name of the item.
        item: String,
    },
    /// Line of a count that is not a name and a number.
    CountUnreadable {
        /// Beginning of the line.
        answer: String,
    },
    /// Line of the server's answer that cannot be read.
    AnswerUnreadable {
        /// Beginning of the line.
        answer: String,
    },
    /// Check of the app with another answer than the expected one.
    OtherAnswer {
        /// Query or command.
        question: String,
        /// Beginning of the answer.
        answer: String,
        /// Expected answer.
        expected: String,
    },
    /// Check of the app whose answer is not a number that is large enough.
    TooSmallAnswer {
        /// Query or command.
        question: String,
        /// Beginning of the answer.
        answer: String,
        /// Lowest number that is good.
        least: u64,
    },

    // Of its folders and volumes.
    /// Path without a name and a parent, which cannot be renamed.
    NotRenamable {
        /// Path on the host.
        path: String,
    },
    /// Path that is not a folder.
    NotAFolder {
        /// Path on the host.
        path: String,
    },
    /// Folder that cannot be moved aside, because something is mounted in it.
    Mounted {
        /// Path on the host.
        path: String,
        /// Path of the mount.
        mounted: String,
    },
    /// Folder that leads elsewhere than when it was checked.
    LeadsElsewhere {
        /// Path on the host.
        path: String,
    },
    /// Two folders of a backup that would be restored into one.
    SameFolder {
        /// First folder or volume of the backup.
        one: String,
        /// Second folder or volume of the backup.
        other: String,
        /// Path on the host into which both would go.
        path: String,
    },
    /// Folder of a restored store in which this one keeps data, too.
    SharedFolder {
        /// Path on the host.
        path: String,
    },
    /// Folder or volume of a backup that has no counterpart on the host.
    NoTarget {
        /// Its name on the host.
        name: String,
    },
    /// Volume of a backup that is not the store's any more.
    VolumeNotTaken {
        /// Its name on the host.
        name: String,
    },
    /// Volume that cannot be made, because the instance has no other one whose labels it would get.
    NoVolumeModel {
        /// Its name on the host.
        name: String,
    },
    /// Data in no volume or folder with a name.
    DataWithoutName,
    /// Folder of files beside a dump in no volume or folder with a name.
    FolderWithoutName,
}

kept_as_code!(StoreProblem);
logged_as_code!(StoreProblem);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;
    use crate::order_failure::DataNote;

    #[test]
    fn a_problem_is_kept_as_it_was_and_secrets_are_masked_in_its_words() {
        let failure = |text: &str| OrderFailure::StoreUnusable {
            problem: StoreProblem::NotCounted { failure: Box::new(OrderFailure::other(text)) },
        };
        let kept = serde_json::to_string(&failure("no")).expect("it can be written");
        assert_eq!(serde_json::from_str::<OrderFailure>(&kept).expect("it can be read"), failure("no"));
        let newer = r#"{"code":"store_unusable","with":{"problem":{"code":"flew_away","with":{"to":"there"}}}}"#;
        let problem = StoreProblem::other("flew away there");
        assert_eq!(
            serde_json::from_str::<OrderFailure>(newer).expect("it can be read"),
            OrderFailure::StoreUnusable { problem }
        );
        let mask = |kind, text: String| match kind {
            ArgumentKind::Words => text.replace("hunter2", "***"),
            ArgumentKind::Name => text,
        };
        assert_eq!(failure("hunter2 is wrong").map_texts(mask), failure("*** is wrong"));
        let answer = |text: &str| StoreProblem::OtherAnswer {
            question: text.to_owned(),
            answer: text.to_owned(),
            expected: text.to_owned(),
        };
        assert_eq!(answer("hunter2").map_texts(mask), answer("***"));
    }

    #[test]
    fn a_cause_that_an_earlier_version_kept_as_a_text_is_read_as_a_failure() {
        let earlier = r#"{"code":"not_counted","with":{"cause":"psql exited with code 2"}}"#;
        let failure = Box::new(OrderFailure::other("psql exited with code 2"));
        assert_eq!(
            serde_json::from_str::<DataNote>(earlier).expect("it can be read"),
            DataNote::NotCounted { failure: failure.clone() }
        );
        let earlier = r#"{"code":"not_noted","with":{"cause":"psql exited with code 2"}}"#;
        assert_eq!(serde_json::from_str::<DataNote>(earlier).expect("it can be read"), DataNote::NotNoted { failure });
    }
}
