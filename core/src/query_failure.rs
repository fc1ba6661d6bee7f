//! Reasons why a host cannot answer a query, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::names::InstanceName;
use crate::order_failure::OrderFailure;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Reason why a host cannot answer a query. Kept facts have it as `{"code": "no_instance", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum QueryFailure {
    /// Words of the Engine, of a registry, or of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Reason that only the version of its host knows.
    Unknown {
        /// Number of its code.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// The host follows as many logs as it may.
    TooManyFollows {
        /// Maximum number.
        limit: usize,
    },
    /// The host reads as many logs as it may.
    TooManyReads {
        /// Maximum number.
        limit: usize,
    },
    /// The host asks registries for as many queries as it may.
    TooManyResolves {
        /// Maximum number.
        limit: usize,
    },
    /// The host checks claims for as many queries as it may.
    TooManyClaims {
        /// Maximum number.
        limit: usize,
    },
    /// The agent does not know this kind of query.
    NotUnderstood,
    /// A part of the query cannot be read.
    Unreadable {
        /// Error of its parser.
        problem: String,
    },
    /// The host does not have the instance.
    NoInstance {
        /// The instance.
        instance: InstanceName,
    },
    /// The instance does not have the service.
    NoService {
        /// The instance.
        instance: InstanceName,
        /// The service.
        service: String,
        /// Services that it has.
        known: Vec<String>,
    },
    /// The Engine of the host did not answer in time.
    EngineSilent {
        /// Time that was waited.
        #[serde(with = "crate::time::serde_millis")]
        waited: Duration,
    },
    /// No registry has the image, and the host has it under an id.
    ImageOnlyHere {
        /// Id of the image.
        id: String,
    },
    /// The look at the host failed, as it would for an order.
    Failed {
        /// Failure of the look.
        failure: Box<OrderFailure>,
    },
}

kept_as_code!(QueryFailure);
logged_as_code!(QueryFailure);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::not_asked::NotAskedReason;

    #[test]
    fn a_failure_is_kept_as_a_code_and_read_as_a_text_too() {
        let waited = Duration::from_secs(4);
        for (failure, expect) in [
            (
                QueryFailure::EngineSilent { waited },
                r#"{"code":"failed","with":{"code":"engine_silent","with":{"waited":4000}}}"#,
            ),
            (
                QueryFailure::other("no route"),
                r#"{"code":"failed","with":{"code":"other","with":{"text":"no route"}}}"#,
            ),
        ] {
            let reason = NotAskedReason::Failed(failure);
            assert_eq!(serde_json::to_string(&reason).expect("it can be written"), expect);
            assert_eq!(serde_json::from_str::<NotAskedReason>(expect).expect("it can be read"), reason);
        }
        let earlier = r#"{"code":"failed","with":"its Engine is away"}"#;
        let read = serde_json::from_str::<NotAskedReason>(earlier).expect("it can be read");
        assert_eq!(read, NotAskedReason::Failed(QueryFailure::other("its Engine is away")));
    }
}
