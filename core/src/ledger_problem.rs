//! Problems of an agent's ledger, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::kept_as_code;
use serde::{Deserialize, Serialize};

/// Reason why an agent cannot use its ledger. Kept facts have it as `{"code": "unreadable", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs, and for texts on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum LedgerProblem {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A file that cannot be read or parsed.
    #[error("the ledger's `{path}` cannot be read: {cause}")]
    Unreadable {
        /// Path on the host.
        path: String,
        /// Words of the operating system or of the parser.
        cause: String,
    },
    /// A file without a format version.
    #[error("the ledger's `{path}` cannot be read: it does not say its format")]
    NoFormat {
        /// Path on the host.
        path: String,
    },
    /// A file in another format than the agent's.
    #[error("the ledger's `{path}` cannot be read: it has format {found}, and this fleet-agent knows {known}")]
    OtherFormat {
        /// Path on the host.
        path: String,
        /// Format version of the file.
        found: u64,
        /// Format version of the agent.
        known: u64,
    },
    /// A ledger that another agent uses.
    #[error("another fleet-agent is running on `{path}`")]
    InUse {
        /// Folder of the ledger.
        path: String,
    },
    /// An entry without the state that its instance shall have.
    #[error("the ledger does not say what the instance shall become")]
    NoGoal,
}

kept_as_code!(LedgerProblem);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Activity;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_problem_is_kept_as_a_code_and_read_as_a_text_too() {
        let failure = |problem| OrderFailure::LedgerUnreadable { problem };
        let earlier = r#"{"code":"ledger_unreadable","with":{"problem":"no format"}}"#;
        let read = serde_json::from_str::<OrderFailure>(earlier).expect("it can be read");
        assert_eq!(read, failure(LedgerProblem::other("no format")));
        let earlier = r#"{"code":"ledger_unreadable","with":"no format"}"#;
        let read = serde_json::from_str::<Activity>(earlier).expect("it can be read");
        assert_eq!(read, Activity::LedgerUnreadable(LedgerProblem::other("no format")));
        let new = failure(LedgerProblem::NoFormat { path: "/ledger/a.json".to_owned() });
        let kept = serde_json::to_string(&new).expect("it can be written");
        assert_eq!(serde_json::from_str::<OrderFailure>(&kept).expect("it can be read"), new);
    }
}
