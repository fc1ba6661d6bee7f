//! Reasons why hosts cannot answer queries, and their codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use super::failure::DEPTH_LIMIT;
use crate::v1;
use fleet_core::query_failure::QueryFailure;

coded_message! {
    QueryFailure, QueryFailure, QueryFailureCode, incoming_query_failure:
    Other { text },
    Unknown { number, arguments },
    TooManyFollows { limit },
    TooManyReads { limit },
    TooManyResolves { limit },
    TooManyClaims { limit },
    NotUnderstood,
    Unreadable { problem },
    NoInstance { instance },
    NoService { instance, service, known },
    EngineSilent { waited },
    ImageOnlyHere { id },
    Failed { failure },
}

/// Reads the reason of a host. One that this version does not know keeps its number and its arguments.
pub fn reported_query_failure(message: v1::QueryFailure) -> QueryFailure {
    let unknown = QueryFailure::Unknown { number: message.code, arguments: bounded(message.arguments.join(", ")) };
    incoming_query_failure(message).filter(|failure| failure.depth() <= DEPTH_LIMIT).unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::order_failure::OrderFailure;
    use std::time::Duration;

    #[test]
    fn a_failure_of_each_code_comes_back_as_it_was_and_a_newer_one_keeps_its_arguments() {
        let text = || "a".to_owned();
        let instance = || "notes-1".parse().expect("a name");
        let all = [
            QueryFailure::other("words"),
            QueryFailure::Unknown { number: 99, arguments: text() },
            QueryFailure::TooManyFollows { limit: 8 },
            QueryFailure::TooManyReads { limit: 4 },
            QueryFailure::TooManyResolves { limit: 4 },
            QueryFailure::TooManyClaims { limit: 8 },
            QueryFailure::NotUnderstood,
            QueryFailure::Unreadable { problem: text() },
            QueryFailure::NoInstance { instance: instance() },
            QueryFailure::NoService { instance: instance(), service: text(), known: vec![text(), text()] },
            QueryFailure::EngineSilent { waited: Duration::from_secs(4) },
            QueryFailure::ImageOnlyHere { id: text() },
            QueryFailure::Failed { failure: Box::new(OrderFailure::EngineUnreachable { socket: text() }) },
        ];
        let codes = (1..10_000).filter_map(|number| v1::QueryFailureCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for failure in all {
            assert_eq!(reported_query_failure(failure.clone().into()), failure);
        }
        let newer = v1::QueryFailure { code: 10_000, arguments: vec![text(), text()] };
        let unknown = QueryFailure::Unknown { number: 10_000, arguments: "a, a".to_owned() };
        assert_eq!(reported_query_failure(newer), unknown);
        let nested =
            (0..DEPTH_LIMIT).fold(OrderFailure::UnknownOutcome, |of, _| OrderFailure::Several { failures: vec![of] });
        let deep = reported_query_failure(QueryFailure::Failed { failure: Box::new(nested) }.into());
        assert!(matches!(deep, QueryFailure::Unknown { .. }), "{deep:?}");
    }
}
