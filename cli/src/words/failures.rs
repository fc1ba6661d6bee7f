//! Sentences about failed orders. They are made only here: a failure comes as a code with arguments.

use fleet_core::order_failure::OrderFailure;
use fleet_proto::convert::incoming_order_failure;
use fleet_proto::v1;

/// Returns the words of a failure as it came over the wire; empty where there is none. Of one that this version does not know, they are its
/// arguments.
pub fn shown(failure: Option<&v1::OrderFailure>) -> String {
    let Some(message) = failure else { return String::new() };
    incoming_order_failure(message.clone()).map_or_else(|| message.arguments.join(", "), |failure| words(&failure))
}

/// Returns the words of a failure, as the end of a sentence.
pub fn words(failure: &OrderFailure) -> String {
    match failure {
        OrderFailure::Other { text } => text.clone(),
        OrderFailure::UnknownOutcome => "it ended in a way that the coordinator does not know".to_owned(),
        OrderFailure::WayBackFailed { because, failure } => {
            format!("{}; the way back failed too: {}", words(because), words(failure))
        }
    }
}
