//! Reasons why a service does not answer, as codes with arguments. `fleet` turns them into words.

use super::OrderFailure;
use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Reason why a service does not answer. Kept facts have it as `{"code": "no_container"}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum MissingReply {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Answer of the temporary server alone that prepares the data of an image.
    OnlyTemporary,
    /// Service without a container.
    NoContainer,
    /// Container that does not run, or whose health check is not good.
    NotHealthy {
        /// State of the container.
        state: String,
        /// Result of its health check.
        health: String,
    },
    /// Address without a listener.
    NoConnection {
        /// Words of the operating system, or empty.
        cause: String,
    },
    /// Query that failed.
    Failed {
        /// The failure.
        failure: Box<OrderFailure>,
    },
}

kept_as_code!(MissingReply);
logged_as_code!(MissingReply);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_an_earlier_version_kept_as_a_text_is_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let not_ready = |missing| OrderFailure::ServiceNotReady { service: "db".to_owned(), missing };
        let earlier = r#"{"code":"service_not_ready","with":{"service":"db","missing":"it has no container"}}"#;
        assert_eq!(read(earlier), not_ready(MissingReply::other("it has no container")));
        let failure = Box::new(OrderFailure::other("no"));
        for missing in [MissingReply::NoContainer, MissingReply::Failed { failure }] {
            let kept = serde_json::to_string(&not_ready(missing.clone())).expect("it can be written");
            assert_eq!(read(&kept), not_ready(missing));
        }
    }
}
