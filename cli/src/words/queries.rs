//! Words of queries that a host cannot answer.

use super::{failures, not_known};
use fleet_core::query_failure::QueryFailure;
use fleet_proto::convert::incoming_query_failure;
use fleet_proto::v1;

/// Returns the words of a failure as it came over the wire.
pub fn shown(failure: &v1::QueryFailure) -> String {
    let known = incoming_query_failure(failure.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::QueryFailureCode>("a reason", failure.code, &failure.arguments))
}

/// Returns the words of a failure, as the host says them.
pub fn words(failure: &QueryFailure) -> String {
    let busy = |what: &str, limit: usize| format!("it {what} for {limit} queries already; try again later");
    match failure {
        QueryFailure::Other { text } => text.clone(),
        QueryFailure::Unknown { number, arguments } => not_known("a reason", "the coordinator", *number, arguments),
        QueryFailure::TooManyFollows { limit } => busy("follows logs", *limit),
        QueryFailure::TooManyReads { limit } => busy("reads logs", *limit),
        QueryFailure::TooManyResolves { limit } => busy("asks registries", *limit),
        QueryFailure::TooManyClaims { limit } => busy("looks for what is claimed", *limit),
        QueryFailure::NotUnderstood => "its fleet-agent does not understand the query".to_owned(),
        QueryFailure::Unreadable { problem } => format!("the query cannot be read: {problem}"),
        QueryFailure::NoInstance { instance } => format!("it has no instance `{instance}`"),
        QueryFailure::NoService { instance, service, known } if known.is_empty() => {
            format!("`{instance}` has no service `{service}`")
        }
        QueryFailure::NoService { instance, service, known } => {
            format!("`{instance}` has no service `{service}`; it has {}", known.join(", "))
        }
        QueryFailure::EngineSilent { waited } => format!("its Engine did not answer in {} s", waited.as_secs()),
        QueryFailure::ImageOnlyHere { id } => format!("no registry has it; the host has it as {id}"),
        QueryFailure::Failed { failure } => failures::words(failure),
    }
}
